#include "server/exporter/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
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
#include <future>
#include <limits>
#include <list>
#include <string>
#include <thread>
#include <utility>

#include "reactor/base/unique_fd.h"
#include "server/exporter/http_listener.h"

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
// Without descriptors and without a connection that could be closed.
constexpr milliseconds kAcceptPause(100);

HttpReply RefusalOf(const error_code& error) {
  if (error == http::error::header_limit) {
    return {.code = 431,
            .reason = "Request Header Fields Too Large",
            .body = "the request is too large\n"};
  }
  return {.code = 400, .reason = "Bad Request", .body = "not an HTTP/1 request\n"};
}

}  // namespace

// A connection as the server sees it: a list of all, by age.
class HttpConnection {
 public:
  using List = std::list<HttpConnection*>;

  explicit HttpConnection(List& all) : all_(all), at_(all.insert(all.end(), this)) {}
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  virtual void Close() = 0;

 protected:
  ~HttpConnection() { Leave(); }
  void Leave() {
    if (at_ != all_.end()) all_.erase(at_);
    at_ = all_.end();
  }

 private:
  List& all_;
  List::iterator at_;
};

// The transport of a connection: what precedes its request and follows its reply.
struct PlainTransport {
  PlainTransport(tcp::socket socket, SSL* /*none*/) : stream(std::move(socket)) {}

  beast::tcp_stream& tcp_stream() { return stream; }
  template <typename Then>
  void Open(Then then) {
    then(error_code());
  }
  template <typename Then>
  void Finish(Then then) {
    then(error_code());
  }

  beast::tcp_stream stream;
};

struct TlsTransport {
  TlsTransport(tcp::socket socket, SSL* ssl)
      : context(SharedContext(ssl)), stream(std::move(socket), context) {}

  beast::tcp_stream& tcp_stream() { return stream.next_layer(); }
  template <typename Then>
  void Open(Then then) {
    stream.async_handshake(asio::ssl::stream_base::server, std::move(then));
  }
  template <typename Then>
  void Finish(Then then) {
    stream.async_shutdown(std::move(then));
  }

  static SSL_CTX* SharedContext(SSL* ssl) {
    SSL_CTX* context = ::SSL_get_SSL_CTX(ssl);
    ::SSL_CTX_up_ref(context);
    return context;
  }

  asio::ssl::context context;
  asio::ssl::stream<beast::tcp_stream> stream;
};

// One connection: a request, its reply, the end. Handlers own it.
template <typename Transport>
class HttpSession final : public HttpConnection,
                          public std::enable_shared_from_this<HttpSession<Transport>> {
 public:
  HttpSession(tcp::socket socket, SSL* ssl, const HttpServer::Answer& answer, List& all)
      : HttpConnection(all), transport_(std::move(socket), ssl), answer_(answer) {
    Reset(true);
    parser_.header_limit(kHeaderMax);
    // The body is not read.
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
  }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;
  ~HttpSession() = default;

  void Begin(milliseconds limit) {
    transport_.tcp_stream().expires_after(limit);  // for all that follows
    transport_.Open([self = this->shared_from_this()](error_code error) {
      if (!error) self->Read();
    });
  }

  void Close() override {
    Leave();
    transport_.tcp_stream().close();
  }

 private:
  void Read() {
    http::async_read_header(transport_.stream, buffer_, parser_,
                            [self = this->shared_from_this()](error_code error, std::size_t) {
                              self->OnRequest(error);
                            });
  }

  void OnRequest(error_code error) {
    if (!error) {
      Send(Reply(), parser_.get().method() != http::verb::head);
    } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      Send(RefusalOf(error), true);
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
                      .accept_encoding = text(message[http::field::accept_encoding]),
                      .authorization = text(message[http::field::authorization])});
    } catch (const std::exception&) {
      return {.code = 500, .reason = "Internal Server Error", .body = "internal error\n"};
    }
  }

  void Send(const HttpReply& reply, bool with_body) {
    out_ = Encode(reply, with_body);
    asio::async_write(transport_.stream, asio::buffer(out_),
                      [self = this->shared_from_this()](error_code error, std::size_t) {
                        if (!error) self->End();
                      });
  }

  // Waits for the client's end: closing a socket that has input resets the connection, and the
  // client may lose the reply.
  void End() {
    transport_.Finish([self = this->shared_from_this()](error_code) {
      error_code gone;
      self->transport_.tcp_stream().socket().shutdown(tcp::socket::shutdown_send, gone);
      self->Drop();
    });
  }

  void Drop() {
    transport_.tcp_stream().async_read_some(
        asio::buffer(dropped_), [self = this->shared_from_this()](error_code error, std::size_t) {
          if (!error) self->Drop();
          if (error == asio::error::eof) self->Reset(false);
        });
  }

  // Whether closing drops what the kernel has not sent. A client that does not read could keep it
  // there for ever.
  void Reset(bool on) {
    error_code gone;
    transport_.tcp_stream().socket().set_option(tcp::socket::linger(on, 0), gone);
  }

  Transport transport_;
  const HttpServer::Answer& answer_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  std::string out_;
  std::array<char, 4096> dropped_{};
};

class HttpServer::Loop {
 public:
  Loop(const HttpServerOptions& options, Answer answer)
      : connections_max_(options.connections_max),
        request_limit_(options.request_limit),
        tls_(options.tls),
        answer_(std::move(answer)) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void Add(const ListenAddress& address, UniqueFd listener) {
    const bool ipv6 = address.host.find(':') != std::string::npos;
    listeners_.emplace_back(io_).acceptor.assign(ipv6 ? tcp::v6() : tcp::v4(), listener.Release());
  }

  [[nodiscard]] std::vector<int> listeners() {
    std::vector<int> out;
    for (Listener& listener : listeners_) out.push_back(listener.acceptor.native_handle());
    return out;
  }

  void Close() {
    std::promise<void> closed;
    asio::post(io_, [&] {
      error_code ignored;
      for (Listener& listener : listeners_) {
        listener.pause.cancel();
        listener.acceptor.close(ignored);
      }
      closed.set_value();
    });
    closed.get_future().wait();
  }

  void Start() {
    for (Listener& listener : listeners_) Accept(listener);
    thread_ = std::thread([this] { Run(); });
    ::pthread_setname_np(thread_.native_handle(), "exporter");
  }

 private:
  struct Listener {
    explicit Listener(asio::io_context& io) : acceptor(io), pause(io) {}

    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

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
      if (tls_ == nullptr) {
        Begin<PlainTransport>(std::move(socket), nullptr);
      } else if (const SslHandle ssl = tls_->NewServerSide(); ssl != nullptr) {
        Begin<TlsTransport>(std::move(socket), ssl.get());
      }
    } catch (const std::exception&) {
      return;  // no memory
    }
  }

  template <typename Transport>
  void Begin(tcp::socket socket, SSL* ssl) {
    std::make_shared<HttpSession<Transport>>(std::move(socket), ssl, answer_, open_)
        ->Begin(request_limit_);
  }

  void Accept(Listener& listener) {
    listener.acceptor.async_accept([this, &listener](error_code error, tcp::socket socket) {
      OnAccept(listener, error, std::move(socket));
    });
  }

  void OnAccept(Listener& listener, error_code error, tcp::socket socket) {
    if (!listener.acceptor.is_open()) return;
    if (!error) {
      Admit(std::move(socket));
    } else if (!open_.empty()) {
      open_.front()->Close();  // its descriptor is needed
    } else {
      listener.pause.expires_after(kAcceptPause);
      listener.pause.async_wait([this, &listener](error_code) {
        if (listener.acceptor.is_open()) Accept(listener);
      });
      return;
    }
    Accept(listener);
  }

  const std::size_t connections_max_;
  const milliseconds request_limit_;
  TlsContext* const tls_;
  const Answer answer_;
  HttpConnection::List open_;  // outlives the sessions, which end with io_
  asio::io_context io_{1};
  std::list<Listener> listeners_;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              Answer answer,
                                                              std::vector<UniqueFd> taken) {
  ListenAddress address = options.address;
  auto listener = taken.empty() ? OpenListener(address, options.request_limit)
                                : AdoptListener(std::move(taken[0]), address);
  if (!listener.ok()) return listener.status();
  std::optional<ListenAddress> other = options.loopback_v6;
  UniqueFd second;
  if (other) {
    other->port = address.port;
    auto opened = taken.size() < 2 ? OpenListener(*other, options.request_limit)
                                   : AdoptListener(std::move(taken[1]), *other);
    if (!opened.ok()) return opened.status();
    second = *std::move(opened);
  }
  // Asio reports errors by exceptions.
  try {
    auto loop = std::make_unique<Loop>(options, std::move(answer));
    loop->Add(address, *std::move(listener));
    if (other) loop->Add(*other, std::move(second));
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(loop), std::move(address)));
  } catch (const std::exception& error) {
    return absl::UnavailableError(error.what());
  }
}

HttpServer::HttpServer(std::unique_ptr<Loop> loop, ListenAddress address)
    : loop_(std::move(loop)), address_(std::move(address)) {}

void HttpServer::Open() { loop_->Start(); }

void HttpServer::Close() { loop_->Close(); }

std::vector<int> HttpServer::listeners() const { return loop_->listeners(); }

HttpServer::~HttpServer() = default;

}  // namespace echogw::server
