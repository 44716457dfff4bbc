// Goal: no client of the exporter's HTTP server can keep others from being served, whatever it
// sends, does not send or does not read. Method: a real server on loopback.
#include "server/exporter/http_server.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/tls_identity.h"
#include "tests/support/wait_until.h"
#include "tests/unit/server/exporter/http_client.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kLarge = 16 << 20;

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() { StartServer({}); }

  void StartServer(HttpServerOptions options) {
    if (options.address.host.empty()) options.address.host = "127.0.0.1";
    server_.reset();
    auto server = HttpServer::Start(options, [](const HttpRequest& request) -> HttpReply {
      if (request.path == "/throw") throw std::runtime_error("on purpose");
      if (request.path == "/large") return {.body = std::string(kLarge, 'x')};
      if (request.path == "/larger-than-the-client") return {.body = std::string(50'000, 'x')};
      return {.body = request.method + " " + request.path + " " + request.accept_encoding};
    });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Open();
    address_ = server_->address().ToString();
  }

  std::string Get(const std::string& target) { return Http(address_, "GET", target); }

  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

TEST_F(HttpServerTest, RequestAndReplyAreComplete) {
  const std::string reply = Http(address_, "GET", "/a?b=1", "Accept-Encoding: gzip\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                                "Content-Length: 11\r\n"));
  EXPECT_THAT(reply, AllOf(HasSubstr("\r\nDate: "), HasSubstr(" GMT\r\n"),
                           HasSubstr("\r\nConnection: close\r\n")));
  EXPECT_EQ(Body(reply), "GET /a gzip");
  const std::string head = Http(address_, "HEAD", "/a");
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 8\r\n"));
  EXPECT_EQ(Body(head), "");
  EXPECT_EQ(Body(HttpRaw(address_, "GET / HTTP/1.0\r\n\r\n")), "GET / ");
}

TEST_F(HttpServerTest, TargetsInAllForms) {
  for (const char* target :
       {"/m", "/m?a=/b", "http://h/m", "HTTPS://h:1/m?x", "http://[::1]:1/m"}) {
    EXPECT_EQ(Body(Get(target)), "GET /m ") << target;
  }
  EXPECT_EQ(Body(Get("http://h")), "GET / ");
  EXPECT_EQ(Body(Get("http://h?x=/m")), "GET / ");
  EXPECT_EQ(Body(Get("ftp://h/m")), "GET ftp://h/m ");
  EXPECT_EQ(Body(Http(address_, "OPTIONS", "*")), "OPTIONS * ");
}

TEST_F(HttpServerTest, WhatIsNoRequestIsRefused) {
  for (const char* request :
       {"\x16\x03\x01\x02\x01\x01\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    EXPECT_THAT(HttpRaw(address_, request), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
  }
  EXPECT_THAT(Http(address_, "GET", "/", "Long: " + std::string(10'000, 'x') + "\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Get("/throw"), StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, ABodyIsNotWaitedFor) {
  for (const char* headers : {"Content-Length: 8000\r\n", "Transfer-Encoding: chunked\r\n",
                              "Content-Length: 18446744073709551615\r\n",
                              "Content-Length: 8000\r\nExpect: 100-continue\r\n"}) {
    const UniqueFd fd = ConnectTcp(address_);
    SendText(fd, std::string("POST / HTTP/1.1\r\nHost: x\r\n") + headers + "\r\n12");
    EXPECT_EQ(Body(ReadAll(fd)), "POST / ") << headers;
  }
}

TEST_F(HttpServerTest, AReplyOutlivesInputThatIsNotRead) {
  const UniqueFd fd = ConnectTcp(address_);
  SendText(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" +
                   std::string(200'000, 'b'));
  EXPECT_EQ(Body(ReadAll(fd)), "POST / ");
}

// Clients that would never end by themselves; each is sent a byte now and then.
TEST_F(HttpServerTest, AConnectionEndsWhenItsTimeIsUp) {
  StartServer({.request_limit = milliseconds(300)});
  std::vector<UniqueFd> slow;
  for (const char* begin : {"", "GET / HTTP/1.1\r\n", "GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
                            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\n\r\n"}) {
    slow.push_back(ConnectTcp(address_));
    SendText(slow.back(), begin);
  }
  for (const UniqueFd& fd : slow) {
    while (::send(fd.get(), "x", 1, MSG_NOSIGNAL) == 1) {
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  EXPECT_LT(ReadAll(slow[2]).size(), kLarge);
}

TEST_F(HttpServerTest, ANewConnectionTakesThePlaceOfTheOldest) {
  StartServer({.connections_max = 4, .request_limit = hours(1)});
  std::vector<UniqueFd> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(ConnectTcp(address_));
    SendText(slow.back(), "GET / HTTP/1.1\r\n");
    EXPECT_EQ(Body(Get("/health")), "GET /health ");
  }
  EXPECT_EQ(ReadAll(slow.front()), "");
  SendText(slow.back(), "Host: x\r\n\r\n");
  EXPECT_EQ(Body(ReadAll(slow.back())), "GET / ");
}

TEST_F(HttpServerTest, ClientsThatDoNotReadDelayNobody) {
  StartServer({.request_limit = hours(1)});
  std::vector<UniqueFd> stuck;
  for (int i = 0; i < 4; ++i) {
    stuck.push_back(ConnectTcp(address_));
    SendText(stuck.back(), "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  EXPECT_EQ(Body(Get("/health")), "GET /health ");
  EXPECT_EQ(Body(ReadAll(stuck.front())).size(), kLarge);
}

// The connections of the server that the kernel still has anything of.
int KernelConnections(const ListenAddress& address) {
  std::ifstream table("/proc/net/tcp");
  const std::string port = absl::StrFormat(":%04X", address.port);
  int found = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    fields >> number >> local >> remote >> state;
    const bool waits = state == "0A" || state == "06";  // LISTEN, TIME_WAIT
    if (local.size() > port.size() && local.substr(local.size() - port.size()) == port && !waits) {
      ++found;
    }
  }
  return found;
}

TEST_F(HttpServerTest, ClientsThatDoNotReadLeaveNothingInTheKernel) {
  StartServer({.request_limit = milliseconds(300)});
  std::vector<UniqueFd> stuck;
  for (const char* path : {"/large", "/larger-than-the-client", "/larger-than-the-client"}) {
    stuck.push_back(ConnectTcp(address_, 4096));
    SendText(stuck.back(), std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ::shutdown(stuck.back().get(), SHUT_WR);
  EXPECT_TRUE(WaitUntil([this] { return KernelConnections(server_->address()) == 0; }));
}

TEST_F(HttpServerTest, ServesIpv6AndBothFamilies) {
  const ListenAddress loopback{.host = "::1"};
  if (!BindListener(loopback, {}).ok()) GTEST_SKIP() << "no IPv6 here";
  StartServer({.address = loopback});
  EXPECT_THAT(address_, StartsWith("[::1]:"));
  EXPECT_EQ(Body(Get("/")), "GET / ");
  StartServer({.address = {.host = "::", .dual_stack = true}});
  const std::string port = std::to_string(server_->address().port);
  EXPECT_EQ(Body(Http("[::1]:" + port, "GET", "/6")), "GET /6 ");
  EXPECT_EQ(Body(Http("127.0.0.1:" + port, "GET", "/4")), "GET /4 ");
}

// Reads "/" over TLS; empty if the handshake fails.
std::string TlsGet(const std::string& address) {
  const UniqueFd fd = ConnectTcp(address);
  const std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context(
      ::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free);
  const SslHandle ssl(::SSL_new(context.get()));
  ::SSL_set_fd(ssl.get(), fd.get());
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (::SSL_connect(ssl.get()) != 1) return "";
  const std::string request = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_GT(::SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())), 0);
  std::string reply;
  std::array<char, 4096> buffer{};
  for (;;) {
    const int n = ::SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (n <= 0) break;
    reply.append(buffer.data(), static_cast<std::size_t>(n));
  }
  EXPECT_NE(::SSL_get_shutdown(ssl.get()) & SSL_RECEIVED_SHUTDOWN, 0) << "a reply that was cut";
  return reply;
}

TEST_F(HttpServerTest, ServesTlsWithTheCertificateOfTheMoment) {
  TlsContext tls;
  StartServer({.request_limit = hours(1), .tls = &tls});
  EXPECT_EQ(TlsGet(address_), "") << "no certificate";
  for (const char* name : {"one.example", "two.example"}) {
    const TlsIdentity identity = MakeTlsIdentity(name);
    ASSERT_TRUE(tls.Load(identity.certificate, identity.key).ok());
    EXPECT_EQ(Body(TlsGet(address_)).size(), kLarge);
  }
  EXPECT_EQ(Body(Get("/")), "") << "plain text";
}

TEST_F(HttpServerTest, AHandshakeEndsWhenItsTimeIsUp) {
  TlsContext tls;
  const TlsIdentity identity = MakeTlsIdentity("gw.example");
  ASSERT_TRUE(tls.Load(identity.certificate, identity.key).ok());
  StartServer({.request_limit = milliseconds(300), .tls = &tls});
  EXPECT_EQ(ReadAll(ConnectTcp(address_)), "");
}

TEST_F(HttpServerTest, APortInUseIsRefused) {
  const auto second = HttpServer::Start({.address = server_->address()}, nullptr);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address_));
}

TEST_F(HttpServerTest, StopsBesideOpenConnections) {
  const UniqueFd idle = ConnectTcp(address_);
  const UniqueFd stuck = ConnectTcp(address_);
  SendText(stuck, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(Body(Get("/")), "GET / ");
  server_.reset();
  EXPECT_EQ(ReadAll(idle), "");
}

}  // namespace
}  // namespace echogw::server
