// The paths of the exporter: /metrics, /-/healthy (the process is alive), /-/ready (200 while the
// gateway serves, else 503 with its state) and the status page. GET and HEAD only. Who may read is
// asked for all but health, since probes carry no secrets. The gateway owns
// it, starts and stops it on the main thread; requests run on the HTTP server's thread. Other
// replies than those of health are shared by the requests of a moment, so that any number of
// readers costs the gateway only a few snapshots per second. No reactor is asked or delayed.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/exporter/http_server.h"
#include "server/pool/control.h"

namespace echogw::server {

class MetricsCollector;
class StatusPage;

struct MetricsServerOptions {
  HttpServerOptions http;
  // How long a reply is reused. The status page asks once per second.
  std::chrono::milliseconds fresh_for = std::chrono::milliseconds(200);
  // Whether a request with this header "authorization" may read; null: everybody. The server's
  // thread.
  std::function<bool(const std::string&)> admits;
};

class MetricsServer {
 public:
  // Listens when it returns. `state`, for /-/ready, outlives it. `taken` and errors are those of
  // HttpServer.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const MetricsServerOptions& options, std::unique_ptr<MetricsCollector> collector,
      const std::atomic<GatewayState>& state, std::unique_ptr<StatusPage> page,
      std::vector<UniqueFd> taken = {});

  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer();

  // As of HttpServer.
  void Open() { server_->Open(); }
  void Close() { server_->Close(); }
  [[nodiscard]] std::vector<int> listeners() const { return server_->listeners(); }

  // "127.0.0.1:7002", with the real port.
  [[nodiscard]] std::string address() const { return server_->address().ToString(); }

 private:
  class Router;

  MetricsServer(std::unique_ptr<Router> router, std::unique_ptr<HttpServer> server);

  // Outlives the server, which calls it.
  const std::unique_ptr<Router> router_;
  const std::unique_ptr<HttpServer> server_;
};

}  // namespace echogw::server
