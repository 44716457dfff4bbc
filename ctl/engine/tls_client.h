// TLS of a load. TlsSettings is constant and shared; a TlsClient belongs to one connection.
#pragma once

#include <openssl/types.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace echogw::ctl::load {

class TlsSettings {
 public:
  // Trusts the CAs of `ca_file`, or those of the system if that is empty; any certificate with
  // `insecure`. The certificate must be for `host`, which is also sent as SNI unless it is an
  // address or empty. INVALID_ARGUMENT for a file without a CA.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<const TlsSettings>> Create(
      const std::string& ca_file, bool insecure, const std::string& host);
  TlsSettings(const TlsSettings&) = delete;
  TlsSettings& operator=(const TlsSettings&) = delete;
  ~TlsSettings();

 private:
  friend class TlsClient;
  TlsSettings() = default;

  SSL_CTX* context_ = nullptr;
  std::string host_;
  bool insecure_ = false;
};

class TlsClient {
 public:
  enum class Progress { kDone, kPending, kFailed };

  // `fd` is connected and does not block; it stays the caller's.
  TlsClient(const TlsSettings& settings, int fd);
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient();

  [[nodiscard]] Progress Handshake();
  // As recv(2) and send(2), errno included; EPROTO when TLS itself fails. What is sent again after
  // EAGAIN must be the same bytes, at least as many.
  [[nodiscard]] ssize_t Receive(void* into, std::size_t size);
  [[nodiscard]] ssize_t Send(const void* from, std::size_t size);
  // Sends close_notify.
  void End();
  // Of the last failure.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  // Sets errno for a call that failed; 0 at the end of what the peer sends, else -1.
  [[nodiscard]] ssize_t Explain(int result);

  SSL* ssl_;
  std::string error_;
};

}  // namespace echogw::ctl::load
