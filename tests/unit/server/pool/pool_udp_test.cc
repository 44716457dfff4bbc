// Goal: datagrams are echoed whatever the pool does, and no resize or drain of a reactor loses one.
// Method: clients with few datagrams under way each, so that no queue ever overflows: whatever does
// not come back was lost by us. The kernel's own count of drops is the witness.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/test_client.h"
#include "tests/support/udp_client.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

PoolOptions UdpPool(std::uint32_t reactors) {
  PoolOptions options = LoopbackPool(reactors);
  options.listen_udp = {{.host = "127.0.0.1"}};
  return options;
}

std::uint16_t UdpPort(TestPool& pool, std::size_t address = 0) {
  const std::string text = pool->udp_addresses().at(address);
  return static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
}

std::uint64_t KernelDrops(const GatewayStats& stats) {
  std::uint64_t sum = 0;
  for (const ReactorStats& r : stats.reactors) {
    for (const UdpSocketStats& s : r.udp_sockets) sum += s.drops;
  }
  return sum;
}

// Clients on threads of their own that keep a window of datagrams under way until they are told to
// end, and then wait for what is due.
class UdpTraffic {
 public:
  // One that misses an answer for `patience` takes it for lost.
  UdpTraffic(std::uint16_t port, int clients, milliseconds patience = seconds(10))
      : patience_(patience) {
    for (int i = 0; i < clients; ++i) threads_.emplace_back([this, port, i] { Run(port, i); });
  }
  ~UdpTraffic() { End(); }

  // How many were sent; all came back unless lost() says otherwise.
  std::uint64_t End() {
    stop_.store(true);
    for (std::thread& t : threads_) {
      if (t.joinable()) t.join();
    }
    return sent_.load();
  }
  [[nodiscard]] std::uint64_t sent() const { return sent_.load(); }
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(); }

 private:
  static constexpr int kWindow = 4;

  void Run(std::uint16_t port, int number) {
    const UdpClient client(port);
    while (!stop_.load()) {
      for (int i = 0; i < kWindow; ++i) {
        if (client.Send(Pattern(200, static_cast<std::uint32_t>(number)))) sent_.fetch_add(1);
      }
      for (int i = 0; i < kWindow; ++i) {
        const auto back = client.Receive(patience_);
        if (back == Pattern(200, static_cast<std::uint32_t>(number))) continue;
        lost_.fetch_add(1);
        if (!back) return;
      }
    }
  }

  const milliseconds patience_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::vector<std::thread> threads_;
};

class PoolUdpTest : public DescriptorTest, public ::testing::WithParamInterface<bool> {};

void ExpectNothingLost(TestPool& pool, UdpTraffic& traffic) {
  const std::uint64_t sent = traffic.End();
  EXPECT_EQ(traffic.lost(), 0U);
  // An answer is counted when it is sent: the client may have it before.
  EXPECT_TRUE(WaitUntil([&] { return pool->Stats().total.udp.sent_datagrams >= sent; }));
  const GatewayStats stats = pool->Stats();
  EXPECT_EQ(KernelDrops(stats), 0U);
  EXPECT_EQ(stats.total.udp.received_datagrams, sent);
  EXPECT_EQ(stats.total.udp.sent_datagrams, sent);
  EXPECT_EQ(stats.total.udp.dropped_total(), 0U);
}

TEST_P(PoolUdpTest, ResizesAndDrainsLoseNoDatagram) {
  PoolOptions options = UdpPool(8);
  options.steering = GetParam();
  TestPool pool(options);
  EXPECT_EQ(pool->Stats().steering_active, GetParam());
  UdpTraffic traffic(UdpPort(pool), 6);
  for (int round = 0; round < 20; ++round) {
    pool.Resize(2);
    pool.Resize(8);
    pool.DrainReactor(3);
    const std::uint64_t before = traffic.sent();
    ASSERT_TRUE(WaitUntil([&] { return traffic.sent() > before + 100 || traffic.lost() > 0; }));
    ASSERT_TRUE(pool->Undrain(3).ok());
  }
  pool.Resize(12);
  ExpectNothingLost(pool, traffic);
}
INSTANTIATE_TEST_SUITE_P(, PoolUdpTest, ::testing::Bool(),
                         [](const auto& p) { return p.param ? "Steered" : "ByTheKernelsHash"; });

TEST_F(PoolUdpTest, AGatewayThatClosesItsSocketsIsFoundOut) {
  PoolOptions options = UdpPool(8);
  options.fault_close_listeners = true;
  options.steering = false;
  TestPool pool(options);
  // Datagrams that wait at a socket that is closed are gone: it may take some tries to hit one.
  EXPECT_TRUE(WaitUntil([&] {
    UdpTraffic traffic(UdpPort(pool), 8, milliseconds(300));
    for (int i = 0; i < 20; ++i) {
      pool.Resize(1);
      pool.Resize(8);
    }
    const std::uint64_t sent = traffic.End();
    const GatewayStats stats = pool->Stats();
    return traffic.lost() > 0 || stats.total.udp.received_datagrams < sent;
  }));
}

TEST_F(PoolUdpTest, SocketsAreReadByWhoeverOwnsThem) {
  PoolOptions options = UdpPool(4);
  options.listen_udp.push_back({.host = "::1"});
  TestPool pool(options);
  pool.Resize(2);
  const GatewayStats stats = pool->Stats();
  std::size_t sockets = 0;
  for (const ReactorStats& r : stats.reactors) {
    for (const UdpSocketStats& s : r.udp_sockets) {
      ++sockets;
      EXPECT_EQ(s.owner, r.id);
      EXPECT_LT(s.owner, 2U);
      EXPECT_GT(s.queue_limit_bytes, 0U);
      EXPECT_THAT(s.address, ::testing::AnyOf(HasSubstr("127.0.0.1:"), HasSubstr("[::1]:")));
    }
  }
  EXPECT_EQ(sockets, 8U);
  EXPECT_EQ(UdpClient(UdpPort(pool)).Echo("four"), "four");
  EXPECT_EQ(UdpClient(UdpPort(pool, 1), {.host = "::1"}).Echo("six"), "six");
}

TEST_F(PoolUdpTest, AWeightOfZeroTakesAReactorOut) {
  TestPool pool(UdpPool(3));
  ASSERT_TRUE(
      pool->SetSteering({{.reactor = 0, .weight = 0}, {.reactor = 2, .weight = 0}}, false).ok());
  for (int i = 0; i < 50; ++i) ASSERT_EQ(UdpClient(UdpPort(pool)).Echo("x"), "x");
  const GatewayStats stats = pool->Stats();
  EXPECT_EQ(stats.reactors[1].counters.udp.received_datagrams, 50U);
}

TEST_F(PoolUdpTest, ADrainOfTheGatewayFollowsItsRefusal) {
  TestPool pool(UdpPool(2));
  const UdpClient client(UdpPort(pool));
  const auto dropped = [&] {
    return pool->Stats().total.udp.dropped[static_cast<std::size_t>(UdpDrop::kDraining)];
  };
  // A connection keeps the drain from ending.
  const auto held = pool.Connect();
  for (const RefuseMode refuse : {RefuseMode::kAccept, RefuseMode::kReset, RefuseMode::kSilent}) {
    ASSERT_TRUE(pool->Drain({.deadline = hours(1),
                             .quiet_period = seconds(0),
                             .refuse = refuse,
                             .spread = hours(1)})
                    .ok());
    ASSERT_TRUE(pool.WaitForPhase("closing"));
    ASSERT_TRUE(pool.WaitForState(GatewayState::kClosing));
    if (refuse == RefuseMode::kAccept) {
      EXPECT_EQ(client.Echo("still served"), "still served");
    } else {
      const std::uint64_t before = dropped();
      // The state is told before the reactors are.
      ASSERT_TRUE(WaitUntil([&] {
        (void)client.Send("refused");
        return dropped() > before;
      }));
    }
    ASSERT_TRUE(pool->Undrain(std::nullopt).ok());
    // What was sent last may have met a reactor that serves again.
    ASSERT_TRUE(client.Send("served again"));
    EXPECT_TRUE(WaitUntil([&] { return client.Receive(milliseconds(0)) == "served again"; }));
  }
}

TEST_F(PoolUdpTest, APortThatIsTakenIsRefused) {
  TestPool first(UdpPool(1));
  PoolOptions options = UdpPool(1);
  options.listen_udp[0].port = UdpPort(first);
  RecordingLog log;
  const auto second = ReactorPool::Create(options, log);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("UDP 127.0.0.1:"));
  options.allow_shared_port = true;
  EXPECT_TRUE(ReactorPool::Create(options, log).ok());
}

}  // namespace
}  // namespace echogw::server
