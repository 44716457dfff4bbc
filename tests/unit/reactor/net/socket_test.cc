// Goal: listening sockets are as configured, and every error names the address.
#include "reactor/net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/net/socket_io.h"
#include "tests/support/descriptors.h"
#include "tests/support/test_client.h"
#include "tests/support/wait_until.h"

namespace echogw {
namespace {

using ::testing::HasSubstr;

int IntOption(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof(value);
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
  return value;
}

class SocketTest : public DescriptorTest {
 protected:
  // A listener on `address` at a port of the kernel's choice.
  static UniqueFd Open(ListenAddress& address, const ListenOptions& options = {}) {
    auto fd = BindListener(address, options);
    EXPECT_TRUE(fd.ok()) << fd.status();
    if (!fd.ok()) return UniqueFd();
    EXPECT_TRUE(Listen(fd->get(), options, address).ok());
    const auto local = LocalAddress(fd->get(), address.dual_stack);
    EXPECT_TRUE(local.ok()) << local.status();
    address.port = local->port;
    return std::move(*fd);
  }

  static UniqueFd AcceptOne(int listener) {
    KernelSocketIo io;
    int fd = -1;
    EXPECT_TRUE(WaitUntil([&] { return (fd = io.Accept(listener)) >= 0; }));
    return UniqueFd(fd);
  }
};

TEST_F(SocketTest, AddressesAsText) {
  EXPECT_EQ((ListenAddress{"1.2.3.4", 7000}.ToString()), "1.2.3.4:7000");
  EXPECT_EQ((ListenAddress{"::1", 7000}.ToString()), "[::1]:7000");
}

TEST_F(SocketTest, AcceptedConnectionsNoticeThatTheirClientIsGone) {
  ListenAddress address{.host = "127.0.0.1"};
  const UniqueFd listener = Open(address, {.keepalive = std::chrono::seconds(7)});
  const TestClient client(address.port);
  const UniqueFd accepted = AcceptOne(listener.get());
  EXPECT_EQ(IntOption(accepted.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(IntOption(accepted.get(), IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(IntOption(accepted.get(), IPPROTO_TCP, TCP_KEEPINTVL), 7);
  EXPECT_EQ(IntOption(accepted.get(), IPPROTO_TCP, TCP_KEEPCNT), 4);
  // The kernel's own times hold where they are shorter.
  ListenAddress other{.host = "127.0.0.1"};
  const UniqueFd lax = Open(other, {.keepalive = std::chrono::hours(9)});
  EXPECT_LE(IntOption(lax.get(), IPPROTO_TCP, TCP_KEEPIDLE), 7200);
  ListenAddress none{.host = "127.0.0.1"};
  const UniqueFd off = Open(none, {.keepalive = std::chrono::seconds(0)});
  EXPECT_EQ(IntOption(off.get(), SOL_SOCKET, SO_KEEPALIVE), 0);
}

TEST_F(SocketTest, PortZeroBecomesARealPort) {
  ListenAddress address{.host = "127.0.0.1"};
  const UniqueFd listener = Open(address);
  EXPECT_GT(address.port, 0);
  const TestClient client(address.port);
  const UniqueFd accepted = AcceptOne(listener.get());
  EXPECT_EQ(PeerName(accepted.get()), "127.0.0.1:" + std::to_string(client.local_port()));
}

TEST_F(SocketTest, ServesIpv6Alone) {
  ListenAddress address{.host = "::1"};
  const UniqueFd listener = Open(address);
  const TestClient client(address.port, {.host = "::1"});
  const UniqueFd accepted = AcceptOne(listener.get());
  EXPECT_THAT(PeerName(accepted.get()), ::testing::StartsWith("[::1]:"));
  const auto local = LocalAddress(listener.get(), false);
  EXPECT_EQ(local->host, "::1");
}

TEST_F(SocketTest, AMappedAddressIsServedAsIpv4) {
  ListenAddress address{.host = "::ffff:127.0.0.1"};
  const UniqueFd listener = Open(address);
  EXPECT_EQ(LocalAddress(listener.get(), false)->host, "127.0.0.1");
}

TEST_F(SocketTest, DualStackServesBothFamilies) {
  ListenAddress address{.host = "::", .dual_stack = true};
  const UniqueFd listener = Open(address);
  EXPECT_EQ(IntOption(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY), 0);
  const TestClient v4(address.port, {.host = "127.0.0.1"});
  const UniqueFd a = AcceptOne(listener.get());
  const TestClient v6(address.port, {.host = "::1"});
  const UniqueFd b = AcceptOne(listener.get());
  EXPECT_TRUE(a.valid() && b.valid());
  EXPECT_TRUE(LocalAddress(listener.get(), true)->dual_stack);
}

TEST_F(SocketTest, WithoutDualStackTheTwoFamiliesShareAPort) {
  // Any one port that is free for IPv6 may be some other socket's for IPv4.
  EXPECT_TRUE(WaitUntil([] {
    ListenAddress v6{.host = "::"};
    const UniqueFd listener6 = Open(v6);
    EXPECT_EQ(IntOption(listener6.get(), IPPROTO_IPV6, IPV6_V6ONLY), 1);
    const ListenAddress v4{.host = "0.0.0.0", .port = v6.port};
    return CheckPortIsFree(v4).ok() && BindListener(v4, {}).ok();
  }));
}

TEST_F(SocketTest, ListenersOfOneGroupShareAPort) {
  ListenAddress address{.host = "127.0.0.1"};
  const UniqueFd a = Open(address);
  const UniqueFd b = Open(address);
  EXPECT_TRUE(a.valid() && b.valid());
}

TEST_F(SocketTest, BusyPortIsFoundEvenThoughWeCouldJoinItsGroup) {
  ListenAddress address{.host = "127.0.0.1"};
  UniqueFd listener = Open(address);
  const absl::Status busy = CheckPortIsFree(address);
  EXPECT_TRUE(absl::IsAlreadyExists(busy)) << busy;
  EXPECT_THAT(std::string(busy.message()), HasSubstr(address.ToString()));
  const absl::Status any = CheckPortIsFree({.host = "0.0.0.0", .port = address.port});
  EXPECT_TRUE(absl::IsAlreadyExists(any)) << any;
  const absl::Status dual =
      CheckPortIsFree({.host = "::", .port = address.port, .dual_stack = true});
  EXPECT_TRUE(absl::IsAlreadyExists(dual)) << dual;
  EXPECT_TRUE(CheckPortIsFree({.host = "127.0.0.1", .port = 0}).ok());
  listener.Reset();
  EXPECT_TRUE(CheckPortIsFree(address).ok());
}

TEST_F(SocketTest, PortIsFreeAgainAlthoughConnectionsAreInTimeWait) {
  ListenAddress address{.host = "127.0.0.1"};
  UniqueFd listener = Open(address);
  TestClient client(address.port);
  UniqueFd accepted = AcceptOne(listener.get());
  accepted.Reset();  // first to close: TIME_WAIT is ours
  EXPECT_EQ(client.ReceiveToEnd(), "");
  client.Close();
  listener.Reset();
  const absl::Status free = CheckPortIsFree(address);
  EXPECT_TRUE(free.ok()) << free;
}

TEST_F(SocketTest, ABufferThatTheKernelCapsIsTold) {
  constexpr int kHuge = 1 << 30;
  EXPECT_TRUE(BufferWarnings({}).empty());
  EXPECT_TRUE(BufferWarnings({.receive_buffer_bytes = 8192, .send_buffer_bytes = 8192}).empty());
  const auto told = BufferWarnings({.receive_buffer_bytes = kHuge, .send_buffer_bytes = kHuge});
  ASSERT_EQ(told.size(), 2U);
  EXPECT_THAT(told[0], HasSubstr("rcvbuf: sockets get "));
  EXPECT_THAT(told[0], HasSubstr(" of 1073741824 bytes"));
  EXPECT_THAT(told[0], HasSubstr("sysctl net.core.rmem_max"));
  EXPECT_THAT(told[1], HasSubstr("sysctl net.core.wmem_max"));
}

TEST_F(SocketTest, BadAddressesSayWhatIsWrong) {
  for (const char* host : {"localhost", "", "1.2.3", "256.1.1.1", "::g", "[::1]"}) {
    const auto fd = BindListener({.host = host, .port = 1}, {});
    EXPECT_TRUE(absl::IsInvalidArgument(fd.status())) << fd.status();
    EXPECT_THAT(std::string(fd.status().message()), HasSubstr(std::string("'") + host + "'"));
    EXPECT_TRUE(absl::IsInvalidArgument(CheckPortIsFree({.host = host, .port = 1})));
  }
  // Of the documentation range, so no address of this machine.
  const auto foreign = BindListener({.host = "192.0.2.1", .port = 7}, {});
  EXPECT_FALSE(foreign.ok());
  EXPECT_THAT(std::string(foreign.status().message()), HasSubstr("bind 192.0.2.1:7"));
}

TEST_F(SocketTest, PortOfAnotherGroupIsAnErrorThatNamesIt) {
  // A socket without SO_REUSEPORT holds the port: nobody can join.
  const UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(other.get(), 1), 0);
  const auto at = LocalAddress(other.get(), false);
  ASSERT_TRUE(at.ok());
  const ListenAddress address{.host = "127.0.0.1", .port = at->port};
  const auto fd = BindListener(address, {});
  EXPECT_FALSE(fd.ok());
  EXPECT_THAT(std::string(fd.status().message()), HasSubstr(address.ToString()));
}

TEST_F(SocketTest, AcceptedConnectionsInheritTheOptions) {
  for (const bool nodelay : {true, false}) {
    ListenAddress address{.host = "127.0.0.1"};
    const UniqueFd listener =
        Open(address,
             {.tcp_nodelay = nodelay, .receive_buffer_bytes = 20'000, .send_buffer_bytes = 30'000});
    const TestClient client(address.port);
    const UniqueFd accepted = AcceptOne(listener.get());
    EXPECT_EQ(IntOption(accepted.get(), IPPROTO_TCP, TCP_NODELAY), nodelay ? 1 : 0);
    // The kernel doubles what is asked for, for its own book-keeping.
    EXPECT_EQ(IntOption(accepted.get(), SOL_SOCKET, SO_RCVBUF), 40'000);
    EXPECT_EQ(IntOption(accepted.get(), SOL_SOCKET, SO_SNDBUF), 60'000);
  }
}

TEST_F(SocketTest, ListenerQueueShowsWhoWaits) {
  ListenAddress address{.host = "127.0.0.1"};
  const UniqueFd listener = Open(address, {.backlog = 7});
  EXPECT_EQ(ReadListenerQueue(listener.get()).depth, 0U);
  EXPECT_EQ(ReadListenerQueue(listener.get()).limit, 7U);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<TestClient>(address.port));
  EXPECT_TRUE(WaitUntil([&] { return ReadListenerQueue(listener.get()).depth == 3; }));
  EXPECT_EQ(ReadListenerQueue(listener.get()).drops, 0U);
  const UniqueFd accepted = AcceptOne(listener.get());
  EXPECT_EQ(ReadListenerQueue(listener.get()).depth, 2U);
  // What is no listener has no queue.
  EXPECT_EQ(ReadListenerQueue(-1).limit, 0U);
}

TEST_F(SocketTest, PeerOfWhatIsGoneIsUnknown) {
  EXPECT_EQ(PeerName(-1), "?");
  EXPECT_FALSE(LocalAddress(-1, false).ok());
}

}  // namespace
}  // namespace echogw
