// Rebalancing on demand and by itself: how even it gets, by which measure, and that it comes to
// rest.

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/pool_load.h"
#include "tests/support/random.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using Clients = std::vector<std::unique_ptr<StreamClient>>;

// A thread that keeps clients talking, each as fast as it is answered.
class Talk {
 public:
  explicit Talk(const Clients& clients)
      : thread_([this, &clients] {
          while (!stop_.load()) {
            for (const auto& client : clients) client->Offer(4096);
            for (const auto& client : clients) failed_ = !client->PumpUntilDone() || failed_;
            rounds_.fetch_add(1);
          }
        }) {}
  ~Talk() {
    if (thread_.joinable()) (void)Stop();
  }
  // False if anything was lost.
  [[nodiscard]] bool Stop() {
    stop_.store(true);
    thread_.join();
    return !failed_;
  }
  void WaitForRounds(std::uint64_t n) const {
    const std::uint64_t until = rounds_.load() + n;
    EXPECT_TRUE(WaitUntil([&] { return rounds_.load() >= until; }));
  }

 private:
  // Writer: the test; reader: the thread, which acts on the flag alone.
  std::atomic<bool> stop_{false};
  // Writer: the thread; reader: the test, which counts only.
  std::atomic<std::uint64_t> rounds_{0};
  bool failed_ = false;  // the thread's until it is joined
  std::thread thread_;
};

class RebalanceTest : public DescriptorTest {
 protected:
  static std::uint64_t Moved(TestPool& pool) { return pool->Stats().total.connections_moved_out; }

  // Nothing moves for so long.
  static void ExpectRest(TestPool& pool, milliseconds window) {
    const std::uint64_t before = Moved(pool);
    EXPECT_FALSE(WaitUntil([&] { return Moved(pool) != before; }, window))
        << Moved(pool) - before << " moved";
  }

  // All connections to one reactor, or by the kernel's lumpy hash.
  static Clients ConnectUnevenly(TestPool& pool, std::size_t count) {
    if (pool->Stats().steering_active) return pool.ConnectTo(0, count);
    Clients clients;
    for (std::size_t i = 0; i < count; ++i) clients.push_back(pool.Connect(i));
    return clients;
  }
};

TEST_F(RebalanceTest, EvensOutConnections) {
  TestPool pool(4);
  const Clients clients = pool.ConnectTo(2, 42);
  const Operation o = pool.Ended(pool->Rebalance({}));
  EXPECT_EQ(o.result, OperationResult::kSucceeded);
  EXPECT_EQ(o.message, "moved 31 connections");
  EXPECT_EQ(o.connections_moved, 31U);
  EXPECT_DOUBLE_EQ(o.imbalance_before, 4);
  EXPECT_NEAR(o.imbalance_after, 11 * 4 / 42.0, 0.001);
  EXPECT_EQ(o.moves.size(), 3U);
  EXPECT_TRUE(AllEcho(clients));
  EXPECT_EQ(pool.Ended(pool->Rebalance({})).message, "moved 0 connections");
}

TEST_F(RebalanceTest, KeepsToTheMostMoves) {
  TestPool pool(4);
  const Clients clients = pool.ConnectTo(2, 40);
  EXPECT_EQ(pool.Ended(pool->Rebalance({.max_moves = 7})).connections_moved, 7U);
  EXPECT_EQ(pool.ActiveOf(2), 33U);
  EXPECT_EQ(pool.Ended(pool->Rebalance({.max_moves = 1000})).connections_moved, 23U);
  EXPECT_TRUE(AllEcho(clients));
}

TEST_F(RebalanceTest, LeavesOutWhatTheOperatorTookOut) {
  TestPool pool(4);
  const Clients clients = pool.ConnectTo(0, 30);
  pool.DrainReactor(1);
  ASSERT_TRUE(pool->SetSteering({{2, 0}}, false).ok());
  pool.Move(3, 0);
  pool.Move(2, 0);
  EXPECT_EQ(pool.ActiveOf(0), 30U);
  (void)pool.Ended(pool->Rebalance({}));
  EXPECT_EQ(pool.ActiveOf(0), 15U);
  EXPECT_EQ(pool.ActiveOf(1), 0U) << "drained";
  EXPECT_EQ(pool.ActiveOf(2), 0U) << "of weight 0";
  EXPECT_EQ(pool.ActiveOf(3), 15U);
  EXPECT_TRUE(AllEcho(clients));
}

class PolicyTest : public RebalanceTest, public ::testing::WithParamInterface<RebalancePolicy> {};

// Eight connections that talk are on one reactor; the others have as many that are silent. By the
// number of connections that is even.
TEST_P(PolicyTest, SpreadsTheLoadNotTheNumber) {
  TestPool pool(4);
  const Clients loud = pool.ConnectTo(1, 8);
  Clients silent;
  for (const std::uint32_t reactor : {0U, 2U, 3U}) {
    for (auto& client : pool.ConnectTo(reactor, 8)) silent.push_back(std::move(client));
  }
  EXPECT_EQ(pool.Ended(pool->Rebalance({.policy = RebalancePolicy::kConnections})).message,
            "moved 0 connections");
  Talk talk(loud);
  talk.WaitForRounds(50);
  const Operation o = pool.Ended(pool->Rebalance({.policy = GetParam()}));
  EXPECT_EQ(o.result, OperationResult::kSucceeded);
  EXPECT_GT(o.imbalance_before, 2.5);
  EXPECT_LT(o.imbalance_after, o.imbalance_before - 0.5);
  EXPECT_GT(o.connections_moved, 0U);
  EXPECT_TRUE(talk.Stop());
  EXPECT_TRUE(AllEcho(silent));
}

INSTANTIATE_TEST_SUITE_P(All, PolicyTest,
                         ::testing::Values(RebalancePolicy::kBytes, RebalancePolicy::kBusy));

class AutoRebalanceTest : public RebalanceTest, public ::testing::WithParamInterface<bool> {};

// What the automatic mode is for: 64 connections over 8 reactors are even within 2 s, and stay
// where they are from then on.
TEST_P(AutoRebalanceTest, EvenWithin2SecondsAndThenAtRest) {
  PoolOptions options = LoopbackPool(8);
  options.steering = GetParam();
  TestPool pool(options);
  const Clients clients = ConnectUnevenly(pool, 64);
  EXPECT_GT(MaxOverMean(pool->Stats()), 1.1) << "chance made it even; no harm";
  EXPECT_FALSE(pool->auto_rebalance());
  ASSERT_TRUE(pool->SetAutoRebalance(true, RebalancePolicy::kConnections).ok());
  EXPECT_TRUE(pool->auto_rebalance());
  EXPECT_TRUE(WaitUntil([&] { return MaxOverMean(pool->Stats()) <= 1.10; }, seconds(2)))
      << MaxOverMean(pool->Stats());
  EXPECT_TRUE(AllEcho(clients));
  ExpectRest(pool, milliseconds(1500));
  EXPECT_LE(MaxOverMean(pool->Stats()), 1.10);
}

INSTANTIATE_TEST_SUITE_P(SteeredAndHashed, AutoRebalanceTest, ::testing::Values(true, false));

TEST_F(RebalanceTest, TheAutomaticModeRestsWhereItCannotBeEven) {
  TestPool pool(8);
  ASSERT_TRUE(pool->SetAutoRebalance(true, RebalancePolicy::kConnections).ok());
  const Clients clients = pool.ConnectTo(0, 10);
  EXPECT_TRUE(WaitUntil([&] { return pool.ActiveOf(0) <= 2; }, seconds(4)));
  ExpectRest(pool, milliseconds(1000));
}

TEST_F(RebalanceTest, OneHeavyConnectionStaysWhereItIs) {
  TestPool pool(4);
  const Clients loud = pool.ConnectTo(1, 1);
  const Clients silent = pool.ConnectTo(2, 5);
  ASSERT_TRUE(pool->SetAutoRebalance(true, RebalancePolicy::kBytes).ok());
  Talk talk(loud);
  talk.WaitForRounds(50);
  ExpectRest(pool, milliseconds(1200));
  EXPECT_EQ(pool.ActiveOf(1), 1U);
  EXPECT_TRUE(talk.Stop());
}

// Three equal connections on two reactors: two against one is as even as it gets.
TEST_F(RebalanceTest, EqualLoadsDoNotSwapSides) {
  TestPool pool(2);
  Clients loud = pool.ConnectTo(0, 2);
  for (auto& client : pool.ConnectTo(1, 1)) loud.push_back(std::move(client));
  ASSERT_TRUE(pool->SetAutoRebalance(true, RebalancePolicy::kBytes).ok());
  Talk talk(loud);
  talk.WaitForRounds(50);
  ExpectRest(pool, milliseconds(1200));
  EXPECT_TRUE(talk.Stop());
}

TEST_F(RebalanceTest, TheAutomaticModeEndsWhenItIsSwitchedOff) {
  TestPool pool(4);
  ASSERT_TRUE(pool->SetAutoRebalance(true, std::nullopt).ok());
  const Clients clients = pool.ConnectTo(0, 20);
  EXPECT_TRUE(WaitUntil([&] { return MaxOverMean(pool->Stats()) <= 1.10; }, seconds(4)));
  ASSERT_TRUE(pool->SetAutoRebalance(false, std::nullopt).ok());
  EXPECT_FALSE(pool->auto_rebalance());
  const Clients more = pool.ConnectTo(3, 20);
  ExpectRest(pool, milliseconds(800));
  EXPECT_EQ(pool.ActiveOf(3), 25U);
}

// New connections lean towards reactors that have fewer.
TEST_F(RebalanceTest, NewConnectionsGoWhereThereAreFew) {
  TestPool pool(2);
  // One that cannot be evened out by moves: by bytes, nobody sends any.
  const Clients old = pool.ConnectTo(0, 2);
  Talk talk(old);
  ASSERT_TRUE(pool->SetAutoRebalance(true, RebalancePolicy::kConnections).ok());
  EXPECT_TRUE(WaitUntil([&] { return pool.ActiveOf(1) == 1; }, seconds(4)));
  const Clients clients = pool.ConnectTo(0, 60);
  EXPECT_TRUE(WaitUntil([&] { return MaxOverMean(pool->Stats()) <= 1.10; }, seconds(4)));
  EXPECT_TRUE(talk.Stop());
}

// Switched on and off, with other policies, while everything else goes on.
TEST_F(RebalanceTest, IsSwitchedWhileOperationsRun) {
  TestPool pool(4);
  ClientLoad load({.ports = {pool.port()}, .churn_threads = 1, .held = 9, .seed = TestSeed()});
  std::atomic<bool> stop{false};
  std::thread switcher([&] {
    for (std::uint32_t i = 0; !stop.load(); ++i) {
      const auto policy = static_cast<RebalancePolicy>(i % 3);
      EXPECT_TRUE(pool->SetAutoRebalance(i % 2 == 0, policy).ok());
      (void)pool->SetSteering({{i % 4, i % 5}}, i % 7 == 0);
      (void)pool->Stats();
      (void)pool->auto_rebalance();
      std::this_thread::sleep_for(milliseconds(3));
    }
  });
  for (std::uint32_t i = 0; i < 40; ++i) {
    absl::StatusOr<Operation> begun;
    switch (i % 4) {
      case 0:
        begun = pool->Resize({.target = 2 + i % 5});
        break;
      case 1:
        begun = pool->Rebalance({.policy = RebalancePolicy::kConnections});
        break;
      case 2:
        begun = pool->Drain({.reactor = 1});
        break;
      default:
        (void)pool->Undrain(1);
        begun = pool->Move({.from = 0, .to = 1});
    }
    if (begun.ok()) (void)pool.Ended(begun);
  }
  stop.store(true);
  switcher.join();
  ASSERT_TRUE(pool->SetAutoRebalance(false, std::nullopt).ok());
  const LoadResult result = load.Stop();
  EXPECT_EQ(result.errors, 0U) << result.ToString();
  EXPECT_TRUE(pool.WaitForActive(0));
  ExpectSound(pool->Stats());
}

}  // namespace
}  // namespace echogw::server
