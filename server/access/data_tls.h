// The certificate of the TLS connections of a port, the data port or the exporter's, reloaded when
// its files change. Owned by the gateway; outlives the connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/services/tls_context.h"
#include "server/access/credential_stats.h"
#include "server/base/file_watch.h"

namespace echogw::server {

class DataTls final : public CredentialStats {
 public:
  // Errors name the file. `port` begins the log lines.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<DataTls>> Create(const std::string& port,
                                                                       const std::string& cert,
                                                                       const std::string& key,
                                                                       TimerThread& timers,
                                                                       LogSink& log);
  [[nodiscard]] TlsContext& context() { return context_; }

  [[nodiscard]] std::vector<CredentialFiles> files() const override;

 private:
  DataTls(const std::string& port, const std::string& cert, const std::string& key,
          TimerThread& timers, LogSink& log);
  [[nodiscard]] absl::Status Load(const std::string& port, const std::string& cert,
                                  const std::string& key);

  const std::string name_;
  LogSink& log_;
  TlsContext context_;
  // Writer: whoever loads. Readers: threads of the exporter; nothing depends on it.
  std::atomic<std::int64_t> expiration_{0};
  FileWatch watch_;
};

}  // namespace echogw::server
