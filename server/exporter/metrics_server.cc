#include "server/exporter/metrics_server.h"

#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/exporter/gzip.h"
#include "server/exporter/metrics_collector.h"
#include "server/exporter/status_page.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;

// The type of text format 0.0.4.
constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kAllow = "Allow: GET, HEAD\r\n";
// A reply that fits into one packet is not compressed.
constexpr std::size_t kGzipFrom = 1200;

HttpReply Compressed(HttpReply reply) {
  if (reply.body.size() <= kGzipFrom) return reply;
  auto small = Gzip(reply.body);
  if (!small) return reply;
  reply.body = *std::move(small);
  reply.headers += "Content-Encoding: gzip\r\n";
  return reply;
}

}  // namespace

class MetricsServer::Router {
 public:
  Router(std::unique_ptr<MetricsCollector> collector, const std::atomic<GatewayState>& state,
         std::unique_ptr<StatusPage> page, const MetricsServerOptions& options)
      : collector_(std::move(collector)),
        state_(state),
        page_(std::move(page)),
        fresh_for_(options.fresh_for),
        admits_(options.admits) {}

  HttpReply Answer(const HttpRequest& request) {
    if (request.method == "OPTIONS" && request.path == "*") return {.headers = kAllow};
    if (request.method != "GET" && request.method != "HEAD") {
      return {.code = 405,
              .reason = "Method Not Allowed",
              .body = "read only: GET and HEAD\n",
              .headers = kAllow};
    }
    if (request.path == "/-/healthy") return {.body = "healthy\n"};
    if (request.path == "/-/ready") return Ready();
    if (admits_ && !admits_(request.authorization)) {
      return {.code = 401,
              .reason = "Unauthorized",
              .body =
                  "send a token: 'Authorization: Bearer TOKEN', or NAME and TOKEN by basic "
                  "authentication\n",
              .headers = "WWW-Authenticate: Basic realm=\"echogw\", charset=\"UTF-8\"\r\n"};
    }
    return Shared(request.path, NamesGzip(request.accept_encoding));
  }

 private:
  struct Kept {
    steady_clock::time_point made;
    HttpReply plain;
    std::optional<HttpReply> gzip;  // once it was asked for
  };

  HttpReply Ready() const {
    const GatewayState state = state_.load();
    HttpReply reply{.body = absl::StrCat(Name(state), "\n")};
    if (state != GatewayState::kServing) {
      reply.code = 503;
      reply.reason = "Service Unavailable";
    }
    return reply;
  }

  HttpReply Shared(const std::string& path, bool gzip) {
    const auto now = steady_clock::now();
    auto kept = kept_.find(path);
    if (kept == kept_.end() || now - kept->second.made >= fresh_for_) {
      HttpReply reply = Make(path);
      // Other paths have no number.
      if (reply.code != 200) return reply;
      kept = kept_.insert_or_assign(path, Kept{.made = now, .plain = std::move(reply)}).first;
    }
    if (!gzip) return kept->second.plain;
    if (!kept->second.gzip) kept->second.gzip = Compressed(kept->second.plain);
    return *kept->second.gzip;
  }

  HttpReply Make(const std::string& path) const {
    if (path == "/metrics") return {.type = kMetricsType, .body = collector_->Text()};
    if (auto reply = page_->Get(path)) return *std::move(reply);
    return {.code = 404,
            .reason = "Not Found",
            .body = "not found; try /, /status.json, /metrics, /-/healthy or /-/ready\n"};
  }

  const std::unique_ptr<MetricsCollector> collector_;
  const std::atomic<GatewayState>& state_;
  const std::unique_ptr<StatusPage> page_;
  const std::chrono::milliseconds fresh_for_;
  const std::function<bool(const std::string&)> admits_;
  // By path. Of the server's thread.
  std::map<std::string, Kept> kept_;
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const MetricsServerOptions& options, std::unique_ptr<MetricsCollector> collector,
    const std::atomic<GatewayState>& state, std::unique_ptr<StatusPage> page,
    std::vector<UniqueFd> taken) {
  auto router = std::make_unique<Router>(std::move(collector), state, std::move(page), options);
  auto server = HttpServer::Start(
      options.http, [to = router.get()](const HttpRequest& request) { return to->Answer(request); },
      std::move(taken));
  if (!server.ok()) return server.status();
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(router), *std::move(server)));
}

MetricsServer::MetricsServer(std::unique_ptr<Router> router, std::unique_ptr<HttpServer> server)
    : router_(std::move(router)), server_(std::move(server)) {}

MetricsServer::~MetricsServer() = default;

}  // namespace echogw::server
