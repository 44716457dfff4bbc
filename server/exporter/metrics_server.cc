#include "server/exporter/metrics_server.h"

#include <CivetServer.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "reactor/base/unique_fd.h"
#include "server/exporter/gzip.h"
#include "server/exporter/http_reply.h"
#include "server/exporter/metrics_collector.h"
#include "server/exporter/status_page.h"

namespace echogw::server {
namespace {

// A connection that sends no request occupies a thread until the timeout, and browsers open spare
// connections. So there are more threads than expected idle connections, and the timeout is well
// below the scrape timeout of Prometheus, 10 s.
constexpr const char* kThreads = "10";
constexpr const char* kRequestLimitMs = "2000";

// The type of text format 0.0.4.
constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

constexpr int kNotFound = 404;
// A reply that fits into one packet is not compressed.
constexpr std::size_t kGzipFrom = 1200;

constexpr std::chrono::milliseconds kKnockInterval(5);

bool AcceptsGzip(mg_connection* connection) {
  const char* accepted = mg_get_header(connection, "Accept-Encoding");
  return accepted != nullptr && NamesGzip(accepted);
}

void Send(mg_connection* connection, const HttpReply& reply, bool with_body) {
  std::string out = absl::StrCat(
      "HTTP/1.1 ", reply.code, " ", reply.reason, "\r\nContent-Type: ", reply.type,
      "\r\nContent-Length: ", reply.body.size(), "\r\n", reply.headers,
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
  if (with_body) out += reply.body;
  // The peer may be gone.
  static_cast<void>(mg_write(connection, out.data(), out.size()));
}

// Civetweb's accepting thread notices a stop only after a wait of up to 2 s, which any connection
// ends. The connection fails if the port is closed already.
void Knock(const ListenAddress& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  if (::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) != 1) return;
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const void* peer = &to;
  if (fd.valid()) {
    static_cast<void>(::connect(fd.get(), static_cast<const sockaddr*>(peer), sizeof(to)));
  }
}

}  // namespace

// Answers every request: civetweb would look for the others among files.
class MetricsServer::Handler {
 public:
  Handler(std::unique_ptr<MetricsCollector> collector, const std::atomic<GatewayState>& state,
          std::unique_ptr<StatusPage> page)
      : collector_(std::move(collector)), state_(state), page_(std::move(page)) {}

  // Returns the status code. An exception would end the process, so it becomes an error reply.
  int Answer(mg_connection* connection) const {
    HttpReply reply{.code = 500, .reason = "Internal Server Error", .body = "internal error\n"};
    const mg_request_info& request = *mg_get_request_info(connection);
    const std::string_view method = request.request_method;
    try {
      reply = MakeReply(request.local_uri == nullptr ? "" : request.local_uri);
      if (reply.code != kNotFound && method != "GET" && method != "HEAD") reply = NotAllowed();
      if (reply.body.size() > kGzipFrom && AcceptsGzip(connection)) Compress(reply);
      Send(connection, reply, method != "HEAD");
    } catch (const std::exception&) {
      Send(connection, reply, method != "HEAD");
    }
    return reply.code;
  }

 private:
  static HttpReply NotAllowed() {
    return {.code = 405,
            .reason = "Method Not Allowed",
            .body = "read only: GET and HEAD\n",
            .headers = "Allow: GET, HEAD\r\n"};
  }

  HttpReply MakeReply(std::string_view path) const {
    if (path == "/metrics") {
      return {.type = kMetricsType, .body = collector_->Text()};
    }
    if (path == "/-/healthy") return {.body = "healthy\n"};
    if (path == "/-/ready") return Ready();
    if (auto reply = page_->Get(path)) return *std::move(reply);
    return {.code = kNotFound,
            .reason = "Not Found",
            .body = "not found; try /, /status.json, /metrics, /-/healthy or /-/ready\n"};
  }

  HttpReply Ready() const {
    const GatewayState state = state_.load();
    HttpReply reply{.body = absl::StrCat(Name(state), "\n")};
    if (state != GatewayState::kServing) {
      reply.code = 503;
      reply.reason = "Service Unavailable";
    }
    return reply;
  }

  static void Compress(HttpReply& reply) {
    auto small = Gzip(reply.body);
    if (!small) return;
    reply.body = *std::move(small);
    reply.headers += "Content-Encoding: gzip\r\n";
  }

  const std::unique_ptr<MetricsCollector> collector_;
  const std::atomic<GatewayState>& state_;
  const std::unique_ptr<StatusPage> page_;
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const ListenAddress& address, std::unique_ptr<MetricsCollector> collector,
    const std::atomic<GatewayState>& state, std::unique_ptr<StatusPage> page) {
  // Civetweb does not report why it cannot bind, so check first.
  if (auto free = CheckPortIsFree(address); !free.ok()) return free;
  const std::vector<std::string> options = {
      "listening_ports", address.ToString(),   "num_threads",
      kThreads,          "request_timeout_ms", kRequestLimitMs,
  };
  auto handler = std::make_unique<Handler>(std::move(collector), state, std::move(page));
  // Civetweb reports errors by exceptions.
  try {
    CivetCallbacks callbacks;
    callbacks.begin_request = [](mg_connection* connection) {
      const void* civet = mg_get_user_data(mg_get_context(connection));
      const void* answers = static_cast<const CivetServer*>(civet)->getUserContext();
      return static_cast<const Handler*>(answers)->Answer(connection);
    };
    auto server = std::make_unique<CivetServer>(options, &callbacks, handler.get());
    const std::vector<int> ports = server->getListeningPorts();
    ListenAddress real = address;
    if (!ports.empty()) real.port = static_cast<std::uint16_t>(ports.front());
    return std::unique_ptr<MetricsServer>(
        new MetricsServer(std::move(handler), std::move(server), real));
  } catch (const CivetException& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", address.ToString(), ": ", error.what()));
  }
}

MetricsServer::MetricsServer(std::unique_ptr<Handler> handler, std::unique_ptr<CivetServer> server,
                             ListenAddress address)
    : handler_(std::move(handler)), server_(std::move(server)), address_(std::move(address)) {}

MetricsServer::~MetricsServer() {
  const auto closed = std::async(std::launch::async, [this] { server_->close(); });
  while (closed.wait_for(kKnockInterval) != std::future_status::ready) Knock(address_);
}

}  // namespace echogw::server
