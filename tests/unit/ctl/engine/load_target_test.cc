// Goal: addresses are read and found as documented, and refused with a sentence otherwise.
#include "ctl/engine/load_target.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/ctl/engine/load_echo_server.h"

namespace echogw::ctl::load {
namespace {

constexpr std::chrono::seconds kTimeout{2};

TEST(LoadEndpointTest, ReadsHostAndPort) {
  const auto plain = ParseHostPort("example.org:7000");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->host, "example.org");
  EXPECT_EQ(plain->port, "7000");
  const auto bracketed = ParseHostPort("[::1]:65535");
  ASSERT_TRUE(bracketed.ok());
  EXPECT_EQ(bracketed->host, "::1");
}

TEST(LoadEndpointTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "host", "host:", ":7000", "::1:7000", "host:0", "host:65536",
                           "host:7a", "host:-1", "[]:7000", "host:000000007000"}) {
    const auto result = ParseHostPort(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_NE(result.status().message().find("HOST:PORT"), std::string::npos);
  }
}

TEST(LoadEndpointTest, FindsNumericAddresses) {
  const auto four = ResolveEndpoint({"127.0.0.1", "7000"}, kTimeout);
  ASSERT_TRUE(four.ok());
  EXPECT_EQ(four->ToString(), "127.0.0.1:7000");
  const auto six = ResolveEndpoint({"::1", "7000"}, kTimeout);
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six->ToString(), "[::1]:7000");
}

TEST(LoadEndpointTest, TakesTheAddressOfANameThatAnswers) {
  const LoadEchoServer server;
  const std::string address = server.address();
  const auto found =
      ResolveEndpoint({"localhost", address.substr(address.find(':') + 1)}, kTimeout);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->ToString(), address);
}

TEST(LoadEndpointTest, UnknownNameIsUnavailable) {
  const auto result = ResolveEndpoint({"no.such.name.invalid", "7000"}, kTimeout);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable);
}

TEST(LoadEndpointTest, SourceAddressesNeedLoopback) {
  const auto loopback = ResolveEndpoint({"127.0.0.1", "7000"}, kTimeout);
  const auto sources = SourceAddresses(*loopback, 3);
  ASSERT_TRUE(sources.ok());
  ASSERT_EQ(sources->size(), 3u);
  EXPECT_EQ(ntohl((*sources)[2].sin_addr.s_addr), INADDR_LOOPBACK + 2);
  EXPECT_TRUE(SourceAddresses(*loopback, 1)->empty());
  const auto far = ResolveEndpoint({"192.0.2.1", "7000"}, kTimeout);
  EXPECT_TRUE(SourceAddresses(*far, 1).ok());
  EXPECT_EQ(SourceAddresses(*far, 2).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(LoadEndpointTest, FileLimitIsRaisedAndNamedWhenTooSmall) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max == RLIM_INFINITY) GTEST_SKIP() << "no hard limit here";
  const absl::Status status = RaiseFileLimit(limit.rlim_max);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find(std::to_string(limit.rlim_max)), std::string::npos);
  EXPECT_TRUE(RaiseFileLimit(1).ok());
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, limit.rlim_max);
}

// A bound socket on loopback.
struct Bound {
  explicit Bound(int type) : fd(socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    auto* address = reinterpret_cast<sockaddr_in*>(&target.address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    target.length = sizeof(sockaddr_in);
    auto* generic = reinterpret_cast<sockaddr*>(&target.address);
    EXPECT_EQ(bind(fd, generic, target.length), 0);
    EXPECT_EQ(getsockname(fd, generic, &target.length), 0);
  }
  ~Bound() { close(fd); }
  LoadTarget target;
  int fd;
};

TEST(LoadEndpointTest, ASilentAddressDelaysTheNextOneShortly) {
  // A full accept queue: further SYNs are not answered.
  Bound silent(SOCK_STREAM);
  ASSERT_EQ(listen(silent.fd, 0), 0);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    connect(fillers.back(), silent.target.get(), silent.target.length);
  }
  Bound live(SOCK_STREAM);
  ASSERT_EQ(listen(live.fd, 8), 0);
  const auto began = std::chrono::steady_clock::now();
  const auto found =
      FirstToAnswer({silent.target, live.target}, SOCK_STREAM, std::chrono::seconds(20));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->ToString(), live.target.ToString());
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  for (const int fd : fillers) close(fd);
}

TEST(LoadEndpointTest, ARefusedAddressIsPassedOver) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    LoadTarget closed;
    {
      const Bound gone(type);
      closed = gone.target;
    }
    Bound live(type);
    std::thread echo;
    if (type == SOCK_STREAM) {
      ASSERT_EQ(listen(live.fd, 8), 0);
    } else {
      echo = std::thread([&live] {
        char bytes[64];
        sockaddr_storage peer;
        socklen_t length = sizeof peer;
        auto* from = reinterpret_cast<sockaddr*>(&peer);
        const ssize_t size = recvfrom(live.fd, bytes, sizeof bytes, 0, from, &length);
        if (size > 0) sendto(live.fd, bytes, static_cast<std::size_t>(size), 0, from, length);
      });
    }
    const auto found = FirstToAnswer({closed, live.target}, type, std::chrono::seconds(20));
    EXPECT_TRUE(found.ok()) << found.status();
    if (found.ok()) {
      EXPECT_EQ(found->ToString(), live.target.ToString());
    }
    if (echo.joinable()) {
      if (!found.ok()) shutdown(live.fd, SHUT_RDWR);
      echo.join();
    }
    EXPECT_FALSE(FirstToAnswer({closed}, type, std::chrono::seconds(20)).ok());
  }
}

}  // namespace
}  // namespace echogw::ctl::load
