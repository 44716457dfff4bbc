// Goal: addresses are read and found as documented, and refused with a sentence otherwise.
#include "ctl/engine/load_target.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <string>

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

}  // namespace
}  // namespace echogw::ctl::load
