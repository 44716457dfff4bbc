// Goal: a reactor echoes datagrams beside its connections, and hands over UDP sockets without
// losing a datagram.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "reactor/net/udp_socket.h"
#include "tests/support/faulty_socket_io.h"
#include "tests/support/manual_clock.h"
#include "tests/support/udp_client.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

const sockaddr* GenericAddress(const void* address) {
  return static_cast<const sockaddr*>(address);
}

struct TestUdpSocket {
  TestUdpSocket() {
    auto bound = BindUdp({.host = "127.0.0.1"}, {});
    EXPECT_TRUE(bound.ok()) << bound.status();
    fd = *std::move(bound);
    port = LocalAddress(fd.get(), false)->port;
  }
  [[nodiscard]] Listener On(std::uint32_t slot) const {
    return {.fd = fd.get(), .slot = slot, .datagrams = true, .port = port};
  }

  UniqueFd fd;
  std::uint16_t port = 0;
};

class ReactorUdpTest : public ReactorTest {
 protected:
  static void Give(TestReactor& reactor, const TestUdpSocket& socket) {
    reactor.Post(AdoptListeners{.id = 99, .listeners = {socket.On(0)}});
    ASSERT_TRUE(reactor.TurnUntilReport(99));
  }
  // Turns until the client has an answer.
  static std::optional<std::string> Echo(TestReactor& reactor, const UdpClient& client,
                                         const std::string& bytes) {
    EXPECT_TRUE(client.Send(bytes));
    std::optional<std::string> back;
    EXPECT_TRUE(reactor.TurnUntil([&] {
      back = client.Receive(std::chrono::milliseconds(0));
      return back.has_value();
    }));
    return back;
  }
};
INSTANTIATE_TEST_SUITE_P(, ReactorUdpTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

TEST_P(ReactorUdpTest, DatagramsAndConnectionsSideBySide) {
  const TestUdpSocket socket;
  TestReactor reactor(Options());
  Give(reactor, socket);
  const auto connection = reactor.Connect();
  const UdpClient client(socket.port);
  for (const std::size_t size : {0, 1, 1472, 65507}) {
    const std::string bytes = Pattern(size);
    EXPECT_EQ(Echo(reactor, client, bytes), bytes);
    EXPECT_EQ(reactor.Echo(*connection, "stream"), "stream");
  }
  EXPECT_EQ(reactor.counters().udp.sent_datagrams, 4U);
  EXPECT_EQ(reactor.counters().sent_bytes, 4U * 6) << "bytes of connections only";
}

TEST_P(ReactorUdpTest, WaitingDatagramsAreAnsweredByTheNewOwner) {
  const TestUdpSocket socket;
  TestReactorOptions deaf = Options();
  deaf.deaf = true;
  TestReactor a(deaf);
  TestReactor b(deaf);
  Give(a, socket);
  const UdpClient client(socket.port);
  EXPECT_EQ(Echo(a, client, "before"), "before");
  a.Post(HandOverListeners{.id = 2, .targets = {&b.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(2)->listeners_left, 0U);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(client.Send(std::to_string(i)));
  for (int i = 0; i < 5; ++i) a.Turn();
  EXPECT_EQ(a.counters().udp.received_datagrams, 1U) << "it is b's";
  ASSERT_TRUE(b.TurnUntil([&] { return b.counters().udp.sent_datagrams == 10; }));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.Receive(), std::to_string(i));
}

TEST_P(ReactorUdpTest, AShortageOfDescriptorsDoesNotStopDatagrams) {
  const TestUdpSocket socket;
  FaultySocketIo io;
  ManualClock clock;
  TestReactorOptions options = Options();
  options.io = &io;
  options.clock = &clock;
  TestReactor reactor(options);
  Give(reactor, socket);
  io.FailAccept(EMFILE);
  const TestClient waits(reactor.port());
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().accept_errors[0] == 1; }));
  const UdpClient client(socket.port);
  EXPECT_EQ(Echo(reactor, client, "paused"), "paused");
  const TestUdpSocket late;
  Give(reactor, late);
  EXPECT_EQ(Echo(reactor, UdpClient(late.port), "late"), "late");
  // A UDP socket is handed over while the listener beside it is paused, and accepting resumes
  // without it.
  TestReactorOptions deaf = Options();
  deaf.deaf = true;
  TestReactor other(deaf);
  reactor.Post(HandOverListeners{.id = 3, .slot = 0, .targets = {&other.mailbox()}});
  EXPECT_EQ(reactor.TurnUntilReport(3)->listeners_left, 0U);
  EXPECT_EQ(Echo(other, client, "elsewhere"), "elsewhere");
  io.FailAccept(0);
  clock.Advance(kNanosPerSecond);
  ASSERT_TRUE(
      TurnAllUntil({&reactor, &other}, [&] { return other.counters().connections_accepted == 1; }));
}

TEST_P(ReactorUdpTest, ADrainDropsDatagramsUntilItIsTakenBack) {
  const TestUdpSocket socket;
  TestReactor reactor(Options());
  Give(reactor, socket);
  const UdpClient client(socket.port);
  reactor.Post(SetAdmission{.id = 1, .drop_datagrams = true});
  ASSERT_TRUE(reactor.TurnUntilReport(1));
  ASSERT_TRUE(client.Send("dropped"));
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().udp.dropped_total() == 1; }));
  reactor.Post(SetAdmission{.id = 2});
  ASSERT_TRUE(reactor.TurnUntilReport(2));
  EXPECT_EQ(Echo(reactor, client, "answered"), "answered");
}

TEST_P(ReactorUdpTest, EchoesDoNotAnswerEachOther) {
  const TestUdpSocket one;
  const TestUdpSocket other;
  TestReactor reactor(Options());
  reactor.Post(AdoptListeners{.id = 1, .listeners = {one.On(0), other.On(0)}});
  ASSERT_TRUE(reactor.TurnUntilReport(1));
  // As a forged source would: from each socket to itself and to the other one.
  for (const TestUdpSocket* from : {&one, &other}) {
    for (const TestUdpSocket* to : {&one, &other}) {
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_port = htons(to->port);
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      ASSERT_EQ(::sendto(from->fd.get(), "loop", 4, 0, GenericAddress(&at), sizeof(at)), 4);
    }
  }
  const auto dropped = [&] {
    return reactor.counters().udp.dropped[static_cast<std::size_t>(UdpDrop::kOwnPort)];
  };
  ASSERT_TRUE(reactor.TurnUntil([&] { return dropped() == 4; }));
  for (int i = 0; i < 5; ++i) reactor.Turn();
  EXPECT_EQ(reactor.counters().udp.received_datagrams, 4U);
  EXPECT_EQ(reactor.counters().udp.sent_datagrams, 0U);
  EXPECT_EQ(Echo(reactor, UdpClient(one.port), "client"), "client");
}

TEST_P(ReactorUdpTest, AFloodLeavesConnectionsTheirTurn) {
  const TestUdpSocket socket;
  TestReactor reactor(Options());
  Give(reactor, socket);
  const auto connection = reactor.Connect();
  const UdpClient flood(socket.port);
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(flood.Send("flood"));
    ASSERT_TRUE(connection->SendSome("x") == 1);
    const std::uint64_t echoed = reactor.counters().sent_bytes;
    const std::uint64_t datagrams = reactor.counters().udp.received_datagrams;
    // The byte may take a moment to arrive; the flood is already queued.
    ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().sent_bytes > echoed; }));
    EXPECT_LE(reactor.counters().udp.received_datagrams - datagrams, 3 * 32U)
        << "more than the batches of three turns";
    ASSERT_TRUE(reactor.TurnUntil([&] {
      return reactor.counters().udp.received_datagrams + ReadUdpQueue(socket.fd.get()).drops >=
             100U * static_cast<unsigned>(round + 1);
    }));
  }
}

}  // namespace
}  // namespace echogw
