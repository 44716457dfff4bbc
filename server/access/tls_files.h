// Certificate, key and client CA, read from files and validated: gRPC would accept a pair that does
// not match, and then fail every handshake. Any thread; blocks.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "server/config/config.h"

namespace echogw::server {

// PEM, as gRPC takes it.
struct TlsMaterial {
  std::string certificates;
  std::string key;
  std::string client_ca;        // empty: no client certificates
  std::int64_t expiration = 0;  // of the certificate, in seconds since the epoch
  // "CN=gw.example, valid to 2027-01-01 00:00:00 UTC", for the log.
  std::string summary;
  // For the log; empty: none.
  std::string warning;
};

// Errors name the file and say what is wrong with it.
[[nodiscard]] absl::StatusOr<TlsMaterial> LoadTls(const AdminAccessOptions& options);

// Writes the summary and the warning; `what` begins the lines.
void LogTls(const TlsMaterial& material, const std::string& what, LogSink& log);

}  // namespace echogw::server
