// Requests one by one: what is refused and how it is said, what may run side by side, and what a
// request leaves behind.

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

class PoolRequestsTest : public DescriptorTest {};

template <typename T>
std::string Message(const absl::StatusOr<T>& s) {
  return std::string(s.status().message());
}

TEST_F(PoolRequestsTest, ResizeSaysWhatIsWrong) {
  TestPool pool(2);
  EXPECT_EQ(Message(pool->Resize({.target = 0})), "target must be 1 to 256, not 0");
  EXPECT_EQ(Message(pool->Resize({.target = 257})), "target must be 1 to 256, not 257");
  EXPECT_EQ(Message(pool->Resize({.target = 3, .deadline = nanoseconds(-1)})),
            "deadline must be between 0 and 24 hours");
  EXPECT_EQ(pool->Resize({.target = 3, .deadline = hours(25)}).status().code(), kInvalid);
  EXPECT_FALSE(pool->GetOperation(0).ok()) << "nothing was begun";
}

TEST_F(PoolRequestsTest, MoveSaysWhatIsWrong) {
  TestPool pool(3);
  EXPECT_EQ(Message(pool->Move({.from = 3, .to = 0})), "reactor 3 is not running; there are 3");
  EXPECT_EQ(pool->Move({.from = 0, .to = 3}).status().code(), kInvalid);
  EXPECT_EQ(Message(pool->Move({.from = 1, .to = 1})), "from_reactor and to_reactor are the same");
  pool.Resize(2);
  EXPECT_EQ(pool->Move({.from = 0, .to = 2}).status().code(), kInvalid) << "2 is parked";
  EXPECT_EQ(pool->Move({.from = UINT32_MAX, .to = 0}).status().code(), kInvalid);
}

TEST_F(PoolRequestsTest, DrainSaysWhatIsWrong) {
  TestPool pool(2);
  EXPECT_EQ(Message(pool->Drain({.deadline = seconds(-1)})),
            "deadline must be between 0 and 24 hours");
  EXPECT_THAT(Message(pool->Drain({.quiet_period = hours(25)})), HasSubstr("quiet_period"));
  EXPECT_THAT(Message(pool->Drain({.quiet_max_wait = hours(25)})), HasSubstr("quiet_max_wait"));
  EXPECT_THAT(Message(pool->Drain({.spread = seconds(-5)})), HasSubstr("spread"));
  EXPECT_EQ(Message(pool->Drain({.reactor = 7})), "reactor 7 is not running; there are 2");
  pool.DrainReactor(1);
  const auto last = pool->Drain({.reactor = 0});
  EXPECT_EQ(last.status().code(), kPrecondition);
  EXPECT_THAT(Message(last), HasSubstr("the only serving reactor"));
  EXPECT_EQ(pool->Undrain(9).status().code(), kInvalid);
  EXPECT_EQ(pool.StateOf(0), ReactorState::kServing);
}

// A drained reactor stays so: connections are not moved to it by mistake.
TEST_F(PoolRequestsTest, NothingIsMovedToADrainedReactor) {
  TestPool pool(3);
  const auto clients = pool.ConnectTo(0, 3);
  pool.DrainReactor(2);
  const auto move = pool->Move({.from = 0, .to = 2});
  EXPECT_EQ(move.status().code(), kPrecondition);
  EXPECT_THAT(Message(move), HasSubstr("reactor 2 is drained; undrain it first"));
  EXPECT_TRUE(pool->Undrain(2).ok());
  pool.Move(0, 2);
  EXPECT_EQ(pool.ActiveOf(2), 3U);
  EXPECT_TRUE(AllEcho(clients));
}

TEST_F(PoolRequestsTest, SteeringSaysWhatIsWrongAndSetsAllOrNothing) {
  TestPool pool(3);
  EXPECT_EQ(Message(pool->SetSteering({{0, 5}, {1, 1001}}, false)),
            "weight of reactor 1 must be 0 to 1000, not 1001");
  EXPECT_EQ(pool->SetSteering({{0, 5}, {3, 1}}, false).status().code(), kInvalid);
  EXPECT_EQ(Message(pool->SetSteering({{0, 0}, {1, 0}, {2, 0}}, false)),
            "at least one serving reactor needs a weight above 0");
  for (const ReactorStats& r : pool->Stats().reactors) EXPECT_EQ(r.steering_weight, 1U);

  auto weights = pool->SetSteering({{0, 5}, {2, 1000}}, false);
  ASSERT_TRUE(weights.ok());
  ASSERT_EQ(weights->size(), 3U);
  EXPECT_EQ((*weights)[0].weight, 5U);
  EXPECT_EQ((*weights)[1].weight, 1U) << "not named: keeps its weight";
  EXPECT_EQ((*weights)[2].weight, 1000U);
  weights = pool->SetSteering({{1, 7}}, true);
  ASSERT_TRUE(weights.ok());
  EXPECT_EQ((*weights)[0].weight, 1U);
  EXPECT_EQ((*weights)[1].weight, 7U);
  EXPECT_TRUE(pool->Stats().steering_active);
}

TEST_F(PoolRequestsTest, TheLastReactorWithAWeightStays) {
  TestPool pool(3);
  ASSERT_TRUE(pool->SetSteering({{0, 0}, {1, 0}}, false).ok());
  const Operation drain = pool.Ended(pool->Drain({.reactor = 2}));
  EXPECT_EQ(drain.result, OperationResult::kFailed);
  EXPECT_THAT(drain.message, HasSubstr("no reactor except 2 would accept new connections"));
  const Operation shrink = pool.Ended(pool->Resize({.target = 2}));
  EXPECT_EQ(shrink.result, OperationResult::kFailed);
  EXPECT_THAT(shrink.message, HasSubstr("no reactor below 2 would accept new connections"));
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 2));
  EXPECT_TRUE(pool->Stats().steering_active);
}

// A drained reactor takes nothing whatever its weight, so it does not count.
TEST_F(PoolRequestsTest, TheWeightOfADrainedReactorDoesNotCount) {
  TestPool pool(2);
  pool.DrainReactor(1);
  EXPECT_EQ(pool->SetSteering({{0, 0}, {1, 10}}, false).status().code(), kInvalid);
  EXPECT_TRUE(pool->SetSteering({{1, 10}}, false).ok());
  EXPECT_TRUE(pool->Stats().steering_active);
}

TEST_F(PoolRequestsTest, WithoutSteeringThereAreNoWeights) {
  PoolOptions options = LoopbackPool(2);
  options.steering = false;
  TestPool pool(options);
  EXPECT_FALSE(pool->Stats().steering_active);
  EXPECT_EQ(pool->SetSteering({{0, 2}}, false).status().code(), kPrecondition);
  EXPECT_TRUE(pool->SetSteering({}, true).ok());
  EXPECT_FALSE(pool->Stats().steering_active);
}

TEST_F(PoolRequestsTest, OneOperationAtATime) {
  TestPool pool(3);
  const auto clients = pool.ConnectTo(1, 2);
  // Runs as long as the connections are there.
  const auto running = pool->Drain({.reactor = 1, .let_finish = true});
  ASSERT_TRUE(running.ok());
  for (const auto& s :
       {pool->Resize({.target = 5}).status(), pool->Move({.from = 0, .to = 2}).status(),
        pool->Rebalance({}).status(), pool->Drain({.reactor = 0}).status(),
        pool->SetSteering({{0, 2}}, false).status(), pool->Undrain(0).status(),
        pool->Undrain(std::nullopt).status()}) {
    EXPECT_EQ(s.code(), kPrecondition);
    EXPECT_THAT(std::string(s.message()), HasSubstr("another operation is under way")) << s;
  }
  EXPECT_EQ(pool->GetOperation(0)->id, running->id);
  EXPECT_TRUE(AllEcho(clients));
  for (const auto& client : clients) client->Close();
  EXPECT_EQ(pool.Ended(running).result, OperationResult::kSucceeded);
}

// Whoever sees that an operation has ended may begin the next.
TEST_F(PoolRequestsTest, WhatHasEndedIsInNobodysWay) {
  TestPool pool(2);
  for (std::uint32_t i = 0; i < 300; ++i) {
    const auto begun = pool->Rebalance({});
    ASSERT_TRUE(begun.ok()) << begun.status() << " after " << i;
    while (pool->GetOperation(begun->id)->result == OperationResult::kRunning) {
      std::this_thread::yield();
    }
  }
}

TEST_F(PoolRequestsTest, ADryRunChangesNothing) {
  TestPool pool(3);
  const auto clients = pool.ConnectTo(2, 5);
  Operation o = pool.Ended(pool->Resize({.target = 1, .dry_run = true}));
  EXPECT_EQ(o.message, "would go from 3 to 1 reactors and move 5 connections");
  EXPECT_EQ(o.connections_left, 5U);
  EXPECT_TRUE(o.dry_run);
  o = pool.Ended(pool->Rebalance({.dry_run = true}));
  EXPECT_EQ(o.message, "would move 3 connections");
  EXPECT_EQ(o.moves.size(), 2U);
  EXPECT_DOUBLE_EQ(o.imbalance_before, 3);
  EXPECT_DOUBLE_EQ(o.imbalance_after, 1.2) << "2, 2 and 1, as planned";
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 2));
  EXPECT_EQ(pool.ActiveOf(2), 5U);
  EXPECT_EQ(pool->Stats().total.connections_moved_out, 0U);
}

TEST_F(PoolRequestsTest, AReportSaysWhatWasDone) {
  TestPool pool(4);
  const auto clients = pool.ConnectTo(3, 6);
  const Operation o = pool.Resize(2);
  EXPECT_EQ(o.kind, OperationKind::kResize);
  EXPECT_EQ(o.reactors_before, 4U);
  EXPECT_EQ(o.reactors_target, 2U);
  EXPECT_EQ(o.connections_moved, 6U);
  EXPECT_EQ(o.connections_left, 0U);
  EXPECT_EQ(o.message, "shrank from 4 to 2 reactors");
  std::vector<std::string> phases;
  for (const OperationPhase& p : o.phases) phases.push_back(p.name);
  EXPECT_THAT(phases, ElementsAre("steer", "park-listeners", "move-connections", "join"));
  EXPECT_EQ(pool.Resize(2).message, "there are already 2 reactors");
  EXPECT_EQ(pool.Resize(4).message, "grew from 2 to 4 reactors");
  EXPECT_TRUE(AllEcho(clients));
}

TEST_F(PoolRequestsTest, BeforeTheStartAndAfterTheEnd) {
  RecordingLog log;
  auto made = ReactorPool::Create(LoopbackPool(2), log);
  ASSERT_TRUE(made.ok());
  ReactorPool& pool = **made;
  EXPECT_EQ(pool.Resize({.target = 3}).status().code(), kPrecondition);
  EXPECT_EQ(pool.Drain({}).status().code(), kPrecondition);
  EXPECT_EQ(pool.SetSteering({}, true).status().code(), kPrecondition);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_FALSE(pool.Undrain(std::nullopt).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(5)) << "it is not waited for";
  ASSERT_TRUE(pool.Start().ok());
  EXPECT_EQ(pool.Stats().state, GatewayState::kServing);
  pool.Stop();
  pool.Stop();
  EXPECT_EQ(pool.Stats().state, GatewayState::kStopped);
  EXPECT_EQ(pool.Resize({.target = 3}).status().code(), kUnavailable);
  EXPECT_EQ(pool.Rebalance({}).status().code(), kUnavailable);
  EXPECT_EQ(pool.Drain({}).status().code(), kUnavailable);
  EXPECT_EQ(pool.SetSteering({}, true).status().code(), kUnavailable);
  EXPECT_EQ(pool.Undrain(std::nullopt).status().code(), kUnavailable);
  EXPECT_TRUE(pool.SetAutoRebalance(true, std::nullopt).ok());
  EXPECT_FALSE(pool.GetOperation(0).ok());
}

// A request that was right when it came may find another gateway when its turn comes.
TEST_F(PoolRequestsTest, RequestsRaceWithResizes) {
  TestPool pool(8);
  std::thread other([&pool] {
    for (std::uint32_t i = 0; i < 400; ++i) {
      absl::StatusOr<Operation> begun =
          i % 2 == 0 ? pool->Move({.from = 7, .to = 0}) : pool->Drain({.reactor = 6});
      if (begun.ok()) (void)pool.Ended(begun);
      (void)pool->SetSteering({{5, i % 3}}, false);
      (void)pool->Undrain(6);
      (void)pool->Stats();
    }
  });
  for (std::uint32_t i = 0; i < 200; ++i) {
    const auto begun = pool->Resize({.target = i % 2 == 0 ? 2U : 8U});
    if (begun.ok()) (void)pool.Ended(begun);
  }
  other.join();
  EXPECT_TRUE(WaitUntil([&] { return pool->Resize({.target = 2}).ok(); }));
}

}  // namespace
}  // namespace echogw::server
