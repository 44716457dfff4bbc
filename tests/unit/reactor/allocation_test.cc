// Goal: the steady state allocates nothing, and an idle connection costs almost nothing.
// Method: this binary counts allocations by operator new, turn by turn, on one thread.
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "reactor/net/udp_socket.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/udp_client.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

class AllocationTest : public ReactorTest {};
INSTANTIATE_TEST_SUITE_P(, AllocationTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

TEST_P(AllocationTest, TheCounterCounts) {
  const AllocationCounter::Scope counting;
  const auto one = std::make_unique<std::array<int, 100>>();
  EXPECT_NE(one, nullptr);
  EXPECT_EQ(AllocationCounter::allocations(), 1U);
  EXPECT_EQ(AllocationCounter::bytes(), 400U);
}

TEST_P(AllocationTest, NoneAMessage) {
  TestReactor reactor(Options());
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(reactor.Connect());
  std::array<char, 64> message{};
  auto round = [&] {
    for (const auto& c : clients) {
      if (::send(c->fd(), message.data(), message.size(), 0) < 0) return false;
    }
    for (const auto& c : clients) {
      for (int turns = 0; turns < 1000; ++turns) {
        if (::recv(c->fd(), message.data(), message.size(), MSG_DONTWAIT) > 0) break;
        reactor.Turn();
      }
    }
    return true;
  };
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(round());
  const std::uint64_t echoed = reactor.counters().sent_bytes;
  {
    const AllocationCounter::Scope counting;
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(round());
  }
  EXPECT_EQ(AllocationCounter::allocations(), 0U);
  EXPECT_EQ(reactor.counters().sent_bytes - echoed, 200U * 20 * 64);
}

TEST_P(AllocationTest, NoneADatagram) {
  auto socket = BindUdp({.host = "127.0.0.1"}, {});
  ASSERT_TRUE(socket.ok()) << socket.status();
  const UdpClient client(LocalAddress(socket->get(), false)->port);
  TestReactor reactor(Options());
  reactor.Post(AdoptListeners{.id = 1, .listeners = {{.fd = socket->get(), .datagrams = true}}});
  ASSERT_TRUE(reactor.TurnUntilReport(1));
  std::array<char, 2000> message{};
  const auto round = [&] {
    for (const std::size_t size : {0, 64, 2000}) {
      if (::send(client.fd(), message.data(), size, 0) < 0) return false;
    }
    for (int back = 0, turns = 0; back < 3 && turns < 1000; ++turns) {
      reactor.Turn();
      while (::recv(client.fd(), message.data(), message.size(), MSG_DONTWAIT) >= 0) ++back;
    }
    return true;
  };
  ASSERT_TRUE(round());
  const std::uint64_t echoed = reactor.counters().udp.sent_datagrams;
  {
    const AllocationCounter::Scope counting;
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(round());
  }
  EXPECT_EQ(AllocationCounter::allocations(), 0U);
  EXPECT_EQ(reactor.counters().udp.sent_datagrams - echoed, 600U);
}

TEST_P(AllocationTest, NoneForSlowReadersAndFirehosesOnceWarm) {
  TestReactor reactor(TightOptions());
  const auto slow = reactor.Connect(TightClient());
  const auto firehose = reactor.Connect();
  const std::string flood = Pattern(100'000);
  std::array<char, 4096> taken{};
  auto step = [&] {
    static_cast<void>(slow->SendSome(flood));
    static_cast<void>(firehose->SendSome(flood));
    reactor.Turn();
    static_cast<void>(::recv(slow->fd(), taken.data(), 1500, MSG_DONTWAIT));
    static_cast<void>(::recv(firehose->fd(), taken.data(), taken.size(), MSG_DONTWAIT));
    reactor.Turn();
  };
  for (int i = 0; i < 200; ++i) step();
  const std::uint64_t held = reactor.counters().partial_writes;
  {
    const AllocationCounter::Scope counting;
    for (int i = 0; i < 500; ++i) step();
  }
  EXPECT_GT(reactor.counters().partial_writes, held + 50) << "too few writes were partial";
  // In case both are first held only now: two blocks of either size, and room for them in the list
  // of free blocks.
  EXPECT_LE(AllocationCounter::allocations(), 8U);
}

TEST_P(AllocationTest, AnIdleConnectionCostsLittle) {
  TestReactor reactor(Options());
  std::vector<std::unique_ptr<TestClient>> clients;
  clients.reserve(300);
  const auto first = reactor.Connect();  // the first chunk of the table
  for (int i = 0; i < 300; ++i) clients.push_back(std::make_unique<TestClient>(reactor.port()));
  {
    const AllocationCounter::Scope counting;
    while (reactor.counters().connections_active < 301) reactor.Turn();
  }
  EXPECT_LT(AllocationCounter::bytes() / 300, 200U);
}

}  // namespace
}  // namespace echogw
