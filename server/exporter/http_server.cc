#include "server/exporter/http_server.h"

#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cstdint>
#include <exception>
#include <limits>
#include <list>
#include <string>
#include <thread>
#include <utility>

#include "reactor/base/unique_fd.h"

namespace echogw::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

// The request line and the headers.
constexpr std::uint32_t kHeaderMax = 8 * 1024;
// After the reply, for input that is under way: closing a socket that has some resets the
// connection, and the client may lose the reply.
constexpr milliseconds kLinger(1000);
// Without descriptors and without a connection that could be closed.
constexpr milliseconds kAcceptPause(100);

HttpReply Refusal(const error_code& error) {
  if (error == http::error::header_limit) {
    return {.code = 431,
            .reason = "Request Header Fields Too Large",
            .body = "the request is too large\n"};
  }
  return {.code = 400, .reason = "Bad Request", .body = "not an HTTP/1 request\n"};
}

// One connection: a request, its reply, the end. Handlers own it.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  using List = std::list<HttpSession*>;

  // `open` is ordered by age.
  HttpSession(tcp::socket socket, const HttpServer::Answer& answer, List& open)
      : stream_(std::move(socket)),
        answer_(answer),
        open_(open),
        at_(open.insert(open.end(), this)) {
    parser_.header_limit(kHeaderMax);
    // The body is not read.
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
  }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;
  ~HttpSession() { Leave(); }

  void Begin(milliseconds limit) {
    stream_.expires_after(limit);  // for all that follows
    http::async_read_header(
        stream_, buffer_, parser_,
        [self = shared_from_this()](error_code error, std::size_t) { self->OnRequest(error); });
  }

  void Close() {
    Leave();
    stream_.close();
  }

 private:
  void Leave() {
    if (at_ != open_.end()) open_.erase(at_);
    at_ = open_.end();
  }

  void OnRequest(error_code error) {
    if (!error) {
      Send(Reply(), parser_.get().method() != http::verb::head);
    } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      Send(Refusal(error), true);
    }
  }

  HttpReply Reply() const {
    const auto& message = parser_.get();
    const auto text = [](auto view) { return std::string(view.data(), view.size()); };
    if (message.version() >= 11 && message.count(http::field::host) != 1) {
      return {.code = 400, .reason = "Bad Request", .body = "one Host header is required\n"};
    }
    const std::string target = text(message.target());
    try {
      return answer_({.method = text(message.method_string()),
                      .path = std::string(PathOf(target)),
                      .accept_encoding = text(message[http::field::accept_encoding])});
    } catch (const std::exception&) {
      return {.code = 500, .reason = "Internal Server Error", .body = "internal error\n"};
    }
  }

  void Send(const HttpReply& reply, bool with_body) {
    out_ = Encode(reply, with_body);
    asio::async_write(stream_, asio::buffer(out_),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (!error) self->End();
                      });
  }

  void End() {
    error_code gone;
    stream_.socket().shutdown(tcp::socket::shutdown_send, gone);
    stream_.expires_after(kLinger);
    Drop();
  }

  void Drop() {
    stream_.async_read_some(asio::buffer(dropped_),
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (!error) self->Drop();
                            });
  }

  beast::tcp_stream stream_;
  const HttpServer::Answer& answer_;
  List& open_;
  List::iterator at_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  std::string out_;
  std::array<char, 4096> dropped_{};
};

}  // namespace

class HttpServer::Loop {
 public:
  Loop(const HttpServerOptions& options, Answer answer)
      : connections_max_(options.connections_max),
        request_limit_(options.request_limit),
        answer_(std::move(answer)) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void Start(UniqueFd listener, bool ipv6) {
    listener_.assign(ipv6 ? tcp::v6() : tcp::v4(), listener.Release());
    Accept();
    thread_ = std::thread([this] { Run(); });
    ::pthread_setname_np(thread_.native_handle(), "exporter");
  }

 private:
  void Run() {
    while (!io_.stopped()) {
      // Without memory a handler fails, which costs its connection only.
      try {
        io_.run();
      } catch (const std::exception&) {
        continue;
      }
    }
  }

  void Admit(tcp::socket socket) {
    if (open_.size() >= connections_max_) open_.front()->Close();
    try {
      std::make_shared<HttpSession>(std::move(socket), answer_, open_)->Begin(request_limit_);
    } catch (const std::exception&) {
      return;  // no memory
    }
  }

  void Accept() {
    listener_.async_accept(
        [this](error_code error, tcp::socket socket) { OnAccept(error, std::move(socket)); });
  }

  void OnAccept(error_code error, tcp::socket socket) {
    if (!error) {
      Admit(std::move(socket));
    } else if (!open_.empty()) {
      open_.front()->Close();  // its descriptor is needed
    } else {
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this](error_code) { Accept(); });
      return;
    }
    Accept();
  }

  const std::size_t connections_max_;
  const milliseconds request_limit_;
  const Answer answer_;
  HttpSession::List open_;  // outlives the sessions, which end with io_
  asio::io_context io_{1};
  tcp::acceptor listener_{io_};
  asio::steady_timer pause_{io_};
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              Answer answer) {
  if (auto free = CheckPortIsFree(options.address); !free.ok()) return free;
  const ListenOptions listen{.reuse_port = false};
  auto listener = BindListener(options.address, listen);
  if (!listener.ok()) return listener.status();
  if (auto s = Listen(listener->get(), listen, options.address); !s.ok()) return s;
  auto address = LocalAddress(listener->get(), options.address.dual_stack);
  if (!address.ok()) return address.status();
  // Asio reports errors by exceptions.
  try {
    auto loop = std::make_unique<Loop>(options, std::move(answer));
    loop->Start(*std::move(listener), address->host.find(':') != std::string::npos);
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(loop), *std::move(address)));
  } catch (const std::exception& error) {
    return absl::UnavailableError(error.what());
  }
}

HttpServer::HttpServer(std::unique_ptr<Loop> loop, ListenAddress address)
    : loop_(std::move(loop)), address_(std::move(address)) {}

HttpServer::~HttpServer() = default;

}  // namespace echogw::server
