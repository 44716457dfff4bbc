// An HTTP/1.1 server for small requests without a body: one request per connection, all on one
// thread, which no client can occupy. A connection ends when its time is up, whatever its client
// does, and the oldest one makes room for a new one. The owner starts and stops it on one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/net/socket.h"
#include "reactor/services/tls_context.h"
#include "server/exporter/http_message.h"

namespace echogw::server {

struct HttpServerOptions {
  ListenAddress address;
  std::optional<ListenAddress> loopback_v6 = std::nullopt;  // as well, on the same port
  std::size_t connections_max = 32;
  // From accept to the last byte of the reply. Prometheus gives a scrape up after 10 s.
  std::chrono::milliseconds request_limit = std::chrono::seconds(10);
  TlsContext* tls = nullptr;  // outlives the server; null: plain text
};

class HttpServer {
 public:
  // Runs on the server's thread. An exception costs the reply only.
  using Answer = std::function<HttpReply(const HttpRequest&)>;

  // Listens when it returns. Errors name the address: AlreadyExists if it is taken, else the
  // system's error. `taken`: the listening sockets of another process for these addresses, in place
  // of new ones.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const HttpServerOptions& options, Answer answer, std::vector<UniqueFd> taken = {});

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Cuts the connections that are open.
  ~HttpServer();

  // Accepts from here on.
  void Open();
  // Accepts no more, before it returns. Open connections get their replies.
  void Close();
  // The listening sockets, for another process.
  [[nodiscard]] std::vector<int> listeners() const;

  // With the real port.
  [[nodiscard]] const ListenAddress& address() const { return address_; }

 private:
  class Loop;

  HttpServer(std::unique_ptr<Loop> loop, ListenAddress address);

  const std::unique_ptr<Loop> loop_;
  const ListenAddress address_;
};

}  // namespace echogw::server
