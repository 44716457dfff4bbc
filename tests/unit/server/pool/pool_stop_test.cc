// Stop, and the drain before it, while something runs: it ends soon, what ran is told as cancelled,
// whoever waits is woken, and nothing changes the gateway any more.

#include <algorithm>
#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class PoolStopTest : public DescriptorTest {
 protected:
  // Stops it; that must not take long. The operation must have ended, as cancelled.
  static void ExpectStopCancels(TestPool& pool, const absl::StatusOr<Operation>& begun) {
    ASSERT_TRUE(begun.ok()) << begun.status();
    const auto before = std::chrono::steady_clock::now();
    pool->Stop();
    EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(5));
    const auto o = pool->GetOperation(begun->id);
    EXPECT_EQ(o->result, OperationResult::kCancelled) << o->message;
    EXPECT_THAT(o->message, Not(HasSubstr("serves again")));
  }
};

TEST_F(PoolStopTest, WhileAReactorDrains) {
  TestPool pool(2);
  const auto clients = pool.ConnectTo(1, 1);
  const auto begun = pool->Drain({.reactor = 1, .let_finish = true, .deadline = hours(1)});
  ASSERT_TRUE(pool.WaitForPhase("finish"));
  ExpectStopCancels(pool, begun);
}

TEST_F(PoolStopTest, WhileTheGatewayIsQuiet) {
  TestPool pool(2);
  const auto begun = pool->Drain({.deadline = hours(2),
                                  .quiet_period = hours(1),
                                  .quiet_max_wait = hours(1),
                                  .spread = hours(1)});
  ASSERT_TRUE(pool.WaitForState(GatewayState::kQuiet));
  ExpectStopCancels(pool, begun);
}

TEST_F(PoolStopTest, WhileTheGatewayCloses) {
  TestPool pool(2);
  const auto client = pool.Connect();
  const auto begun =
      pool->Drain({.deadline = hours(2), .quiet_period = seconds(0), .spread = hours(1)});
  ASSERT_TRUE(pool.WaitForState(GatewayState::kClosing));
  ExpectStopCancels(pool, begun);
}

TEST_F(PoolStopTest, WhileLoadsAreMeasured) {
  TestPool pool(2);
  const auto begun = pool->Rebalance({.policy = RebalancePolicy::kBytes});
  ASSERT_TRUE(begun.ok());
  pool->Stop();
  EXPECT_NE(pool->GetOperation(begun->id)->result, OperationResult::kRunning);
}

TEST_F(PoolStopTest, WhileADrainWaitsForItsTurn) {
  // One way or another both operations have ended; nobody watches one that never ends.
  for (int i = 0; i < 20; ++i) {
    TestPool pool(3);
    const auto first = pool->Resize({.target = 6});
    const auto second = pool->Drain({.deadline = hours(1), .quiet_period = hours(1)});
    ASSERT_TRUE(first.ok());
    ASSERT_TRUE(second.ok());
    pool->Stop();
    EXPECT_NE(pool->GetOperation(first->id)->result, OperationResult::kRunning);
    EXPECT_EQ(pool->GetOperation(second->id)->result, OperationResult::kCancelled);
  }
}

TEST_F(PoolStopTest, RightAfterARequest) {
  for (int i = 0; i < 20; ++i) {
    TestPool pool(3);
    const auto begun = i % 2 == 0 ? pool->Resize({.target = 1}) : pool->Move({.from = 0, .to = 1});
    ASSERT_TRUE(begun.ok());
    pool->Stop();
    EXPECT_NE(pool->GetOperation(begun->id)->result, OperationResult::kRunning);
  }
}

TEST_F(PoolStopTest, ARequestThatComesDuringTheStopIsRefusedOrEnds) {
  for (int i = 0; i < 30; ++i) {
    TestPool pool(2);
    std::atomic<bool> ready{false};
    absl::StatusOr<Operation> begun = absl::UnknownError("not asked");
    std::thread asker([&] {
      ready.store(true);
      begun = pool->Drain({.deadline = hours(1), .quiet_period = hours(1)});
    });
    while (!ready.load()) std::this_thread::yield();
    pool->Stop();
    asker.join();
    if (begun.ok()) {
      EXPECT_EQ(pool->GetOperation(begun->id)->result, OperationResult::kCancelled);
    } else {
      EXPECT_EQ(begun.status().code(), absl::StatusCode::kUnavailable);
    }
  }
}

TEST_F(PoolStopTest, AnUndrainThatWaitsIsWoken) {
  for (int i = 0; i < 10; ++i) {
    TestPool pool(2);
    ASSERT_TRUE(pool->Drain({.deadline = hours(1), .quiet_period = hours(1)}).ok());
    const auto before = std::chrono::steady_clock::now();
    std::thread undrainer([&] { (void)pool->Undrain(std::nullopt); });
    pool->Stop();
    undrainer.join();
    EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(5));
  }
}

TEST_F(PoolStopTest, ResetsWhatIsLeftAndCountsIt) {
  TestPool pool(3);
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (std::uint64_t i = 0; i < 12; ++i) clients.push_back(pool.Connect(i));
  ASSERT_TRUE(AllEcho(clients));
  pool->Stop();
  const auto total = pool->Stats().total;
  EXPECT_EQ(total.connections_closed[static_cast<std::size_t>(CloseReason::kDrainForced)], 12U);
  for (const auto& client : clients) {
    EXPECT_TRUE(WaitUntil([&] {
      (void)client->Pump();
      return client->end() == StreamClient::End::kReset;
    }));
  }
}

// ---- the last drain ----

class LastDrainTest : public DescriptorTest {
 protected:
  static constexpr DrainRequest kSoon{
      .deadline = milliseconds(300), .quiet_period = seconds(0), .spread = seconds(0)};

  // All close as the gateway does; false if it resets one.
  static bool AllEndWithFin(const std::vector<std::unique_ptr<StreamClient>>& clients) {
    EXPECT_TRUE(WaitUntil([&] {
      return std::all_of(clients.begin(), clients.end(), [](const auto& client) {
        (void)client->Pump();
        if (client->end() == StreamClient::End::kFin) client->Close();
        return client->end() != StreamClient::End::kOpen;
      });
    }));
    return std::all_of(clients.begin(), clients.end(),
                       [](const auto& client) { return client->end() == StreamClient::End::kFin; });
  }
};

TEST_F(LastDrainTest, EndsALongerDrainAtItsOwnDeadline) {
  TestPool pool(2);
  const auto clients = pool.ConnectTo(1, 3);  // which do not close
  const auto first =
      pool->Drain({.deadline = hours(1), .quiet_period = seconds(0), .spread = seconds(0)});
  ASSERT_TRUE(pool.WaitForState(GatewayState::kClosing));
  const auto last = pool->DrainToStop(kSoon);
  const Operation ended = pool.Ended(last);
  EXPECT_EQ(ended.message, "the deadline passed: 0 connections closed, 3 reset");
  EXPECT_EQ(pool.Ended(first).result, OperationResult::kCancelled);
  EXPECT_EQ(std::ranges::count(pool.observed(), GatewayState::kServing), 1) << "only at the start";
}

TEST_F(LastDrainTest, CutsShortAQuietPeriodOfHours) {
  TestPool pool(2);
  ASSERT_TRUE(pool->Drain({.deadline = hours(2),
                           .quiet_period = hours(1),
                           .quiet_max_wait = hours(1),
                           .spread = hours(1)})
                  .ok());
  ASSERT_TRUE(pool.WaitForState(GatewayState::kQuiet));
  EXPECT_EQ(pool.Ended(pool->DrainToStop(kSoon)).result, OperationResult::kSucceeded);
}

TEST_F(LastDrainTest, FollowsADrainThatIsOver) {
  TestPool pool(1);
  EXPECT_EQ(pool.Ended(pool->Drain(kSoon)).result, OperationResult::kSucceeded);
  EXPECT_EQ(pool.Ended(pool->DrainToStop(kSoon)).result, OperationResult::kSucceeded);
  EXPECT_EQ(pool->Stats().state, GatewayState::kDrained);
}

TEST_F(LastDrainTest, RefusesEveryRequest) {
  TestPool pool(2);
  const auto client = pool.Connect();
  const auto last =
      pool->DrainToStop({.deadline = hours(1), .quiet_period = seconds(0), .spread = seconds(0)});
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(absl::IsUnavailable(pool->Undrain(std::nullopt).status()));
  EXPECT_TRUE(absl::IsUnavailable(pool->Undrain(1).status()));
  EXPECT_TRUE(absl::IsUnavailable(pool->Drain({}).status()));
  EXPECT_TRUE(absl::IsUnavailable(pool->Resize({.target = 3}).status()));
  EXPECT_TRUE(absl::IsUnavailable(pool->DrainToStop({}).status()));
  EXPECT_EQ(pool->GetOperation(last->id)->result, OperationResult::kRunning);
}

TEST_F(LastDrainTest, IsNotTakenForADrainThatIsBeingUndrained) {
  for (int i = 0; i < 20; ++i) {
    TestPool pool(2);
    const auto clients = pool.ConnectTo(i % 2, 3);
    ASSERT_TRUE(pool->Drain({.deadline = hours(1), .spread = hours(1)}).ok());
    std::atomic<bool> ready{false};
    std::thread undrainer([&] {
      ready.store(true);
      (void)pool->Undrain(std::nullopt);
    });
    while (!ready.load()) std::this_thread::yield();
    for (int spin = 0; spin < i * 30; ++spin) std::this_thread::yield();
    const auto last = pool->DrainToStop(
        {.deadline = seconds(20), .quiet_period = seconds(0), .spread = seconds(0)});
    EXPECT_TRUE(AllEndWithFin(clients));
    EXPECT_EQ(pool.Ended(last).result, OperationResult::kSucceeded);
    undrainer.join();
  }
}

TEST_F(LastDrainTest, CancelsWhatRunsAndWhatWaits) {
  TestPool pool(2);
  const auto clients = pool.ConnectTo(1, 2);
  const auto first = pool->Drain({.reactor = 1, .let_finish = true, .deadline = hours(1)});
  ASSERT_TRUE(pool.WaitForPhase("finish"));
  const auto last = pool->DrainToStop(
      {.deadline = seconds(20), .quiet_period = seconds(0), .spread = seconds(0)});
  EXPECT_TRUE(AllEndWithFin(clients));
  EXPECT_EQ(pool.Ended(last).result, OperationResult::kSucceeded);
  EXPECT_EQ(pool.Ended(first).result, OperationResult::kCancelled);
}

TEST_F(PoolStopTest, WithTheAutomaticModeOn) {
  TestPool pool(4);
  ASSERT_TRUE(pool->SetAutoRebalance(true, RebalancePolicy::kBytes).ok());
  const auto clients = pool.ConnectTo(1, 40);
  EXPECT_TRUE(AllEcho(clients));
  pool->Stop();
}

}  // namespace
}  // namespace echogw::server
