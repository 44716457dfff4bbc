// Goal: UDP sockets tell where datagrams were sent to, and a port is not shared by accident.
// Method: real sockets on loopback, echoed by UdpEcho.
#include "reactor/net/udp_socket.h"

#include <netinet/in.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/services/udp_echo.h"
#include "tests/support/descriptors.h"
#include "tests/support/test_client.h"
#include "tests/support/udp_client.h"

namespace echogw {
namespace {

using ::testing::HasSubstr;

class UdpSocketTest : public DescriptorTest {
 protected:
  void Bind(const ListenAddress& address, const UdpOptions& options = {}) {
    auto fd = BindUdp(address, options);
    ASSERT_TRUE(fd.ok()) << fd.status();
    fd_ = *std::move(fd);
    const auto at = LocalAddress(fd_.get(), address.dual_stack);
    ASSERT_TRUE(at.ok());
    port_ = at->port;
  }

  void TearDown() override {
    fd_.Reset();
    DescriptorTest::TearDown();
  }

  // What comes back within a turn.
  std::optional<std::string> Echo(const UdpClient& client, const std::string& bytes) {
    if (!client.Send(bytes)) return std::nullopt;
    echo_.Turn(fd_.get(), true);
    return client.Receive(std::chrono::milliseconds(0));
  }

  UniqueFd fd_;
  std::uint16_t port_ = 0;
  KernelDatagramIo io_;
  UdpCounters counters_;
  UdpEcho echo_{{}, io_, counters_};
};

TEST_F(UdpSocketTest, EverySizeComesBackFromTheAddressItWasSentTo) {
  Bind({.host = "0.0.0.0"});
  for (const char* host : {"127.0.0.1", "127.0.0.7", "127.255.255.254"}) {
    const UdpClient client(port_, {.host = host});
    for (const std::size_t size : {0, 1, 1472, 65507}) {
      const std::string bytes = Pattern(size);
      EXPECT_EQ(Echo(client, bytes), bytes) << host << ", " << size << " bytes";
    }
  }
}

TEST_F(UdpSocketTest, OneSocketServesBothFamilies) {
  Bind({.host = "::", .dual_stack = true});
  for (const char* host : {"127.0.0.1", "127.0.0.9", "::1"}) {
    const UdpClient client(port_, {.host = host});
    for (const std::size_t size : {0, 1500, 65507}) {
      const std::string bytes = Pattern(size);
      EXPECT_EQ(Echo(client, bytes), bytes) << host << ", " << size << " bytes";
    }
  }
  const UdpClient largest(port_, {.host = "::1"});
  const std::string bytes = Pattern(65527);  // what IPv6 can carry
  EXPECT_EQ(Echo(largest, bytes), bytes);
}

// It would take a route of type local, which only root can add.
TEST_F(UdpSocketTest, AnswersMayComeFromAnAddressThatNoInterfaceHas) {
  constexpr int kIpv6Freebind = 78;
  const auto fd = BindUdp({.host = "::1"}, {});
  ASSERT_TRUE(fd.ok()) << fd.status();
  int value = 0;
  socklen_t length = sizeof(value);
  ASSERT_EQ(::getsockopt(fd->get(), IPPROTO_IPV6, kIpv6Freebind, &value, &length), 0);
  EXPECT_EQ(value, 1);
}

TEST_F(UdpSocketTest, CoalescedDatagramsComeBackCoalesced) {
  Bind({.host = "127.0.0.1"});
  const UdpClient client(port_, {.segment_bytes = 100});
  const std::string bytes = Pattern(1050);
  std::string back;
  ASSERT_TRUE(client.Send(bytes));
  echo_.Turn(fd_.get(), true);
  while (back.size() < bytes.size()) {
    const auto part = client.Receive(std::chrono::milliseconds(0));
    ASSERT_TRUE(part);
    back += *part;
  }
  EXPECT_EQ(back, bytes);
  EXPECT_EQ(counters_.Read().received_datagrams, 11U);
  EXPECT_EQ(counters_.Read().sent_datagrams, 11U);
  EXPECT_EQ(counters_.Read().receives, 1U);
}

TEST_F(UdpSocketTest, ADatagramToABroadcastAddressIsNotAnswered) {
  Bind({.host = "0.0.0.0"});
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ASSERT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port_);
  to.sin_addr.s_addr = htonl(0x7FFFFFFF);  // of 127.0.0.0/8
  const void* generic = &to;
  ASSERT_EQ(::sendto(fd.get(), "x", 1, 0, static_cast<const sockaddr*>(generic), sizeof(to)), 1);
  echo_.Turn(fd_.get(), true);
  const UdpSnapshot s = counters_.Read();
  EXPECT_EQ(s.received_datagrams, 1U);
  EXPECT_EQ(s.dropped[static_cast<std::size_t>(UdpDrop::kGroupAddress)], 1U);
}

TEST_F(UdpSocketTest, AClientThatIsGoneDisturbsNobody) {
  Bind({.host = "127.0.0.1"});
  for (int i = 0; i < 3; ++i) {
    {
      const UdpClient gone(port_);
      ASSERT_TRUE(gone.Send("into the void"));
    }
    echo_.Turn(fd_.get(), true);  // the answer meets a closed port: ICMP tells so
    const UdpClient next(port_);
    EXPECT_EQ(Echo(next, "here"), "here");
  }
  EXPECT_EQ(counters_.Read().sent_datagrams, 6U);
  EXPECT_EQ(counters_.Read().receive_errors, 0U);
}

TEST_F(UdpSocketTest, AFullQueueIsSeen) {
  Bind({.host = "127.0.0.1"}, {.receive_buffer_bytes = 4096});
  const UdpClient client(port_);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.Send(Pattern(500)));
  const UdpQueue queue = ReadUdpQueue(fd_.get());
  EXPECT_EQ(queue.limit_bytes, 8192U) << "the kernel doubles it";
  EXPECT_GT(queue.bytes, 0U);
  EXPECT_GT(queue.drops, 50U);
  EXPECT_LT(queue.drops, 100U);
}

TEST_F(UdpSocketTest, APortIsFreeOrItIsNot) {
  Bind({.host = "127.0.0.1"});
  const ListenAddress taken{.host = "127.0.0.1", .port = port_};
  EXPECT_EQ(CheckUdpPortIsFree(taken).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(CheckUdpPortIsFree(taken).message()), HasSubstr("is in use"));
  EXPECT_TRUE(BindUdp(taken, {}).ok()) << "sockets of one group share it";
  fd_.Reset();
  EXPECT_TRUE(CheckUdpPortIsFree(taken).ok());
  EXPECT_EQ(BindUdp({.host = "localhost"}, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace echogw
