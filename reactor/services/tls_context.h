// The certificate and settings for TLS connections of the data port. Shared by all reactors, which
// it outlives. Any thread.
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

  // A certificate chain and its key, in PEM, for new connections. Errors: InvalidArgument with
  // OpenSSL's text; the previous certificate stays in force.
  [[nodiscard]] absl::Status Load(const std::string& certificates, const std::string& key);

  // The server's side of a new connection; null before Load, or without memory.
  [[nodiscard]] SslHandle NewServerSide();

 private:
  std::mutex mutex_;
  SSL_CTX* context_ = nullptr;  // under mutex_
};

}  // namespace echogw
