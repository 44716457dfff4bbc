// The certificate of the TLS connections of a port, the data port or the exporter's, reloaded when
// its files change. Owned by the gateway; outlives the connections.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/services/tls_context.h"
#include "server/base/file_watch.h"

namespace echogw::server {

class DataTls {
 public:
  // Errors name the file. `port` begins the log lines.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<DataTls>> Create(const std::string& port,
                                                                       const std::string& cert,
                                                                       const std::string& key,
                                                                       TimerThread& timers,
                                                                       LogSink& log);
  DataTls(const DataTls&) = delete;
  DataTls& operator=(const DataTls&) = delete;

  [[nodiscard]] TlsContext& context() { return context_; }

 private:
  DataTls(const std::string& port, const std::string& cert, const std::string& key,
          TimerThread& timers, LogSink& log);
  [[nodiscard]] absl::Status Load(const std::string& port, const std::string& cert,
                                  const std::string& key);

  LogSink& log_;
  TlsContext context_;
  FileWatch watch_;
};

}  // namespace echogw::server
