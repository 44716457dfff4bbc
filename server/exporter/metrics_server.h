// The HTTP server of the exporter: /metrics, /-/healthy (the process is alive), /-/ready (200 while
// the gateway serves, else 503 with its state) and the status page. GET and HEAD only. The gateway
// owns it, starts and stops it on the main thread; requests run on threads of its own.
// prometheus-cpp's own exposer answers every path below /metrics and cannot serve others.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "reactor/net/socket.h"
#include "server/pool/control.h"

class CivetServer;

namespace echogw::server {

class MetricsCollector;
class StatusPage;

class MetricsServer {
 public:
  // Serves when it returns. `state`, for /-/ready, outlives it. Errors name the address:
  // AlreadyExists if it is taken, else the system's error.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const ListenAddress& address, std::unique_ptr<MetricsCollector> collector,
      const std::atomic<GatewayState>& state, std::unique_ptr<StatusPage> page);

  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  // Returns when the requests in progress are done; each has a timeout.
  ~MetricsServer();

  // "127.0.0.1:7002", with the real port.
  [[nodiscard]] std::string address() const { return address_.ToString(); }

 private:
  class Handler;

  MetricsServer(std::unique_ptr<Handler> handler, std::unique_ptr<CivetServer> server,
                ListenAddress address);

  // Outlives the server, which calls it.
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<CivetServer> server_;
  const ListenAddress address_;
};

}  // namespace echogw::server
