// Resizes, drains, moves and rebalances under live clients that check every byte: nobody notices.
// And the same clients against a pool that closes its listeners, to show that they would.

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/uring/uring_engine.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/pool_load.h"
#include "tests/support/random.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

struct LiveCase {
  const char* name;
  bool steering = true;
  PollerKind poller = PollerKind::kEpoll;
};

class PoolLiveTest : public DescriptorTest, public ::testing::WithParamInterface<LiveCase> {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    if (GetParam().poller != PollerKind::kIoUring) return;
    if (const absl::Status status = UringEngine::Available(); !status.ok()) {
      GTEST_SKIP() << status.message();
    }
  }

  [[nodiscard]] static PoolOptions Options(std::uint32_t reactors) {
    PoolOptions options = LoopbackPool(reactors);
    options.steering = GetParam().steering;
    options.reactor.poller = GetParam().poller;
    return options;
  }

  // Clients must have been at work while the test changed things.
  static void WaitForWork(const ClientLoad& load) {
    const LoadResult before = load.Now();
    EXPECT_TRUE(WaitUntil([&] {
      const LoadResult now = load.Now();
      return now.connections > before.connections + 20 &&
             now.held_replies > before.held_replies + 20;
    })) << load.Now().ToString();
  }

  static void ExpectNothingLost(TestPool& pool, ClientLoad& load) {
    const LoadResult result = load.Stop();
    EXPECT_EQ(result.errors, 0U) << result.ToString();
    EXPECT_EQ(result.slow_connects, 0U) << result.ToString();
    EXPECT_GT(result.connections, 0U);
    EXPECT_GT(result.half_closed, 0U);
    EXPECT_TRUE(pool.WaitForActive(0));
    const GatewayStats stats = pool->Stats();
    ExpectSound(stats);
    EXPECT_EQ(stats.total.connections_accepted, stats.total.closed_total());
    EXPECT_EQ(stats.total.rejected_total(), 0U);
    EXPECT_EQ(stats.total.received_bytes, stats.total.sent_bytes);
  }
};

TEST_P(PoolLiveTest, ResizesUpAndDown) {
  TestPool pool(Options(8));
  ClientLoad load({.ports = {pool.port()}, .seed = TestSeed()});
  std::uint64_t from_parked = 0;
  for (const std::uint32_t target : {2U, 8U, 1U, 5U, 3U, 8U, 7U, 1U, 2U, 8U, 4U, 16U, 2U, 8U}) {
    WaitForWork(load);
    const Operation o = pool.Resize(target);
    from_parked += o.accepted_from_parked;
    EXPECT_EQ(o.connections_left, 0U);
    EXPECT_EQ(pool.In(ReactorState::kServing).size(), target);
    EXPECT_EQ(pool.In(ReactorState::kParked).size(), pool->Stats().reactors.size() - target);
  }
  WaitForWork(load);
  if (!GetParam().steering) {
    // The hash goes on choosing parked listeners, and each connection of these is counted.
    pool.Resize(1);
    WaitForWork(load);
    EXPECT_GT(pool->Stats().total.accepted_from_adopted, from_parked);
  }
  ExpectNothingLost(pool, load);
}

TEST_P(PoolLiveTest, MovesAndRebalancesToAndFro) {
  TestPool pool(Options(4));
  ClientLoad load({.ports = {pool.port()}, .held = 18, .seed = TestSeed()});
  WaitForWork(load);
  for (std::uint32_t i = 0; i < 5; ++i) {
    for (std::uint32_t from = 0; from < 4; ++from) {
      if (from != i % 4) pool.Move(from, i % 4);
    }
    WaitForWork(load);
    const Operation o = pool.Ended(pool->Rebalance(
        {.policy = i == 0 ? RebalancePolicy::kBytes : RebalancePolicy::kConnections}));
    EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
    EXPECT_GE(o.imbalance_before, 1);
  }
  EXPECT_GT(pool->Stats().total.connections_moved_out, 18U);
  ExpectNothingLost(pool, load);
}

TEST_P(PoolLiveTest, ReactorsDrainAndComeBack) {
  TestPool pool(Options(4));
  ClientLoad load({.ports = {pool.port()}, .seed = TestSeed()});
  for (std::uint32_t i = 0; i < 16; ++i) {
    WaitForWork(load);
    const std::uint32_t reactor = i % 4;
    pool.DrainReactor(reactor);
    EXPECT_EQ(pool.StateOf(reactor), ReactorState::kDrained);
    const std::uint64_t accepted = pool->Stats().reactors[reactor].counters.connections_accepted;
    WaitForWork(load);
    EXPECT_EQ(pool.ActiveOf(reactor), 0U);
    EXPECT_EQ(pool->Stats().reactors[reactor].counters.connections_accepted, accepted);
    if (i % 3 == 1) pool.Resize(6);
    if (i % 3 == 2) pool.Resize(4);
    EXPECT_EQ(pool.StateOf(reactor), ReactorState::kDrained) << "a resize leaves it alone";
    const auto state = pool->Undrain(reactor);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(pool.StateOf(reactor), ReactorState::kServing);
  }
  ExpectNothingLost(pool, load);
}

TEST_P(PoolLiveTest, TheGatewayIsUndrainedBeforeItCloses) {
  TestPool pool(Options(3));
  ClientLoad load({.ports = {pool.port()}, .seed = TestSeed()});
  for (int i = 0; i < 6; ++i) {
    WaitForWork(load);
    // Never quiet: clients keep coming.
    const auto begun = pool->Drain({.quiet_period = std::chrono::hours(1),
                                    .quiet_max_wait = std::chrono::hours(1),
                                    .spread = std::chrono::seconds(0)});
    if (i % 2 == 0) {
      ASSERT_TRUE(pool.WaitForState(GatewayState::kQuiet));
      WaitForWork(load);
    }
    const auto state = pool->Undrain(std::nullopt);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(*state, GatewayState::kServing);
    EXPECT_EQ(pool.Ended(begun).result, OperationResult::kCancelled);
    EXPECT_EQ(pool->Stats().state, GatewayState::kServing);
  }
  ExpectNothingLost(pool, load);
}

// Whoever reads them at any moment: a counter that falls is taken for one that began anew, and what
// is computed from it for an outburst. Clients that take little make the gateway's sends short.
TEST_P(PoolLiveTest, CountersNeverFall) {
  constexpr std::size_t kBytesEach = std::size_t{4} << 20U;
  TestPool pool(Options(1));
  std::vector<std::unique_ptr<StreamClient>> slow;
  for (std::uint64_t i = 0; i < 16; ++i) {
    slow.push_back(pool.Connect(i, 2048));
    slow.back()->Offer(kBytesEach);
  }
  std::atomic<bool> done{false};
  std::thread clients([&] {
    EXPECT_TRUE(WaitUntil([&] {
      for (const auto& client : slow) (void)client->Pump();
      return std::ranges::all_of(slow, [](const auto& c) { return c->caught_up() || !c->open(); });
    }));
    done.store(true);
  });
  CounterSnapshot before;
  std::uint64_t falls = 0;
  while (!done.load()) {
    const CounterSnapshot now = pool->Stats().total;
    falls += now.sent_bytes < before.sent_bytes || now.writes < before.writes ? 1 : 0;
    before = now;
  }
  clients.join();
  for (const auto& client : slow) EXPECT_EQ(client->error(), "");
  EXPECT_EQ(falls, 0U);
  EXPECT_TRUE(
      WaitUntil([&] { return pool->Stats().total.sent_bytes == slow.size() * kBytesEach; }));
}

INSTANTIATE_TEST_SUITE_P(
    All, PoolLiveTest,
    ::testing::Values(LiveCase{.name = "Steered"}, LiveCase{.name = "Hashed", .steering = false},
                      LiveCase{.name = "Poll", .poller = PollerKind::kPoll},
                      LiveCase{.name = "Select", .poller = PollerKind::kSelect},
                      LiveCase{.name = "IoUring", .poller = PollerKind::kIoUring}),
    [](const auto& live) { return live.param.name; });

// The canary: a pool that closes the listeners of reactors that end does lose connections, and the
// clients of these tests see it.
TEST(PoolLiveCanaryTest, ClosedListenersAreNoticed) {
  for (const bool steering : {true, false}) {
    PoolOptions options = LoopbackPool(8);
    options.fault_close_listeners = true;
    options.steering = steering;
    TestPool pool(options);
    // Many clients, so that one waits in a queue when its listener is closed, on a busy machine
    // too.
    ClientLoad load({.ports = {pool.port()}, .churn_threads = 16, .held = 0, .seed = TestSeed()});
    int resizes = 0;
    // A loss comes after some tens of resizes; in thousands there is one for certain.
    for (; resizes < 4000 && load.Now().errors + load.Now().slow_connects == 0; ++resizes) {
      pool.Resize(resizes % 2 == 0 ? 2 : 8);
    }
    const LoadResult result = load.Stop();
    EXPECT_GT(result.errors + result.slow_connects, 0U) << result.ToString();
    std::cout << "seen after " << resizes << " resizes: " << result.ToString() << "\n";
    EXPECT_TRUE(pool.WaitForActive(0));
  }
}

}  // namespace
}  // namespace echogw::server
