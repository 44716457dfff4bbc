// The certificate and the settings that TLS connections of the data port begin with. One for all
// reactors, made before them and outliving them. Any thread.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"

namespace echogw {

struct SslDeleter {
  void operator()(SSL* ssl) const noexcept;
};
using SslHandle = std::unique_ptr<SSL, SslDeleter>;

class TlsContext {
 public:
  TlsContext() = default;
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  // A certificate chain and its key, in PEM: for connections that begin from here on. Errors are
  // InvalidArgument and what OpenSSL says; what was in force stays.
  [[nodiscard]] absl::Status Load(const std::string& certificates, const std::string& key);

  // The server's side of a new connection; null before Load, or without memory.
  [[nodiscard]] SslHandle NewServerSide();

 private:
  std::mutex mutex_;
  SSL_CTX* context_ = nullptr;  // under mutex_
};

}  // namespace echogw
