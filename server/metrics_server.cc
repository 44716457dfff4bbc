#include "server/metrics_server.h"

#include <CivetServer.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "reactor/unique_fd.h"
#include "server/gzip.h"
#include "server/metric_tables.h"

namespace echogw {
namespace {

// A connection that sends no request occupies a thread until the time limit, so there are more
// threads than idle connections to be expected, and the limit stays well under the 10 s that
// Prometheus allows a scrape.
constexpr const char* kThreads = "6";
constexpr const char* kRequestLimitMs = "2000";

// The type of text format 0.0.4, which prometheus-cpp's serializer writes.
constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kPlainType = "text/plain; charset=utf-8";

constexpr std::chrono::milliseconds kKnockInterval(5);

struct Reply {
  int code = 200;
  const char* reason = "OK";
  const char* type = kPlainType;
  std::string body;
  bool gzipped = false;
};

bool AcceptsGzip(mg_connection* connection) {
  const char* accepted = mg_get_header(connection, "Accept-Encoding");
  return accepted != nullptr && std::string_view(accepted).find("gzip") != std::string_view::npos;
}

void Send(mg_connection* connection, const Reply& reply, bool with_body) {
  std::string out = absl::StrCat(
      "HTTP/1.1 ", reply.code, " ", reply.reason, "\r\nContent-Type: ", reply.type,
      "\r\nContent-Length: ", reply.body.size(), reply.gzipped ? "\r\nContent-Encoding: gzip" : "",
      "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
  if (with_body) out += reply.body;
  // A peer that is gone is no concern of ours.
  static_cast<void>(mg_write(connection, out.data(), out.size()));
}

// Civetweb's accepting thread notices a stop only after a wait of up to 2 s, which any connection
// ends. One that fails, because the port is closed by now, is as good.
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

class MetricsServer::Handler final : public CivetHandler {
 public:
  Handler(std::unique_ptr<prometheus::Collectable> collector, std::function<GatewayState()> state)
      : collector_(std::move(collector)), state_(std::move(state)) {}

  bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
    Send(connection, MakeReply(connection), true);
    return true;
  }
  bool handleHead(CivetServer* /*server*/, mg_connection* connection) override {
    Send(connection, MakeReply(connection), false);
    return true;
  }

 private:
  Reply MakeReply(mg_connection* connection) const {
    const char* uri = mg_get_request_info(connection)->local_uri;
    const std::string_view path = uri == nullptr ? "" : uri;
    Reply reply;
    if (path == "/metrics") {
      reply.type = kMetricsType;
      reply.body = prometheus::TextSerializer().Serialize(collector_->Collect());
      if (AcceptsGzip(connection)) Compress(reply);
    } else if (path == "/-/healthy") {
      reply.body = "healthy\n";
    } else if (path == "/-/ready") {
      const GatewayState state = state_();
      reply.body = absl::StrCat(Name(state), "\n");
      if (state != GatewayState::kServing) {
        reply.code = 503;
        reply.reason = "Service Unavailable";
      }
    } else {
      reply.code = 404;
      reply.reason = "Not Found";
      reply.body = "not found; try /metrics, /-/healthy or /-/ready\n";
    }
    return reply;
  }

  static void Compress(Reply& reply) {
    auto small = Gzip(reply.body);
    if (!small) return;
    reply.body = *std::move(small);
    reply.gzipped = true;
  }

  const std::unique_ptr<prometheus::Collectable> collector_;
  const std::function<GatewayState()> state_;
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const ListenAddress& address, std::unique_ptr<prometheus::Collectable> collector,
    std::function<GatewayState()> state) {
  // Civetweb does not say why it cannot bind, so we ask first.
  if (auto free = CheckPortIsFree(address); !free.ok()) return free;
  const std::vector<std::string> options = {
      "listening_ports", address.ToString(),   "num_threads",
      kThreads,          "request_timeout_ms", kRequestLimitMs,
  };
  auto handler = std::make_unique<Handler>(std::move(collector), std::move(state));
  // Civetweb reports by exceptions; this is where they end.
  try {
    auto server = std::make_unique<CivetServer>(options);
    server->addHandler("**", *handler);
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
  std::atomic<bool> closed{false};
  std::thread closing([&] {
    server_->close();
    closed.store(true);
  });
  while (!closed.load()) {
    Knock(address_);
    std::this_thread::sleep_for(kKnockInterval);
  }
  closing.join();
}

}  // namespace echogw
