// Drains of single reactors and shrinks that run out of time: what stays, what comes back, and who
// accepts for whom meanwhile.

#include <functional>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Clients = std::vector<std::unique_ptr<StreamClient>>;

class PoolDrainTest : public DescriptorTest {
 protected:
  // The slots whose listeners a reactor accepts from.
  static std::set<std::uint32_t> SlotsOf(TestPool& pool, std::uint32_t reactor) {
    std::set<std::uint32_t> out;
    const GatewayStats stats = pool->Stats();
    for (const ListenerStats& l : stats.reactors.at(reactor).listeners) out.insert(l.slot);
    return out;
  }

  static Clients ConnectSome(TestPool& pool, std::uint64_t count) {
    Clients clients;
    for (std::uint64_t i = 0; i < count; ++i) clients.push_back(pool.Connect(i));
    return clients;
  }
};

TEST_F(PoolDrainTest, ConnectionsMoveAndNewOnesStayAway) {
  TestPool pool(3);
  const Clients clients = pool.ConnectTo(1, 20);
  const Operation o = pool.DrainReactor(1);
  EXPECT_EQ(o.message, "reactor 1 is drained");
  EXPECT_EQ(o.connections_moved, 20U);
  EXPECT_EQ(o.reactor, 1U);
  EXPECT_EQ(pool.StateOf(1), ReactorState::kDrained);
  EXPECT_TRUE(AllEcho(clients));
  const Clients more = ConnectSome(pool, 30);
  EXPECT_TRUE(AllEcho(more));
  EXPECT_EQ(pool.ActiveOf(1), 0U);
  EXPECT_THAT(SlotsOf(pool, 1), IsEmpty());
  EXPECT_EQ(pool.DrainReactor(1).message, "reactor 1 is already drained");
  ASSERT_TRUE(pool->Undrain(1).ok());
  EXPECT_THAT(SlotsOf(pool, 1), ElementsAre(1));
  const Clients back = pool.ConnectTo(1, 5);
  EXPECT_TRUE(AllEcho(back));
  ExpectSound(pool->Stats());
}

TEST_F(PoolDrainTest, ConnectionsMayFinish) {
  TestPool pool(2);
  const Clients clients = pool.ConnectTo(1, 3);
  const auto begun = pool->Drain({.reactor = 1, .let_finish = true});
  ASSERT_TRUE(pool.WaitForPhase("finish"));
  EXPECT_EQ(pool.StateOf(1), ReactorState::kDraining);
  const Clients elsewhere = ConnectSome(pool, 10);
  EXPECT_EQ(pool.ActiveOf(1), 3U);
  EXPECT_TRUE(AllEcho(clients));
  clients[0]->Close();
  EXPECT_TRUE(WaitUntil([&] { return pool->GetOperation(0)->connections_left == 2; }));
  clients[1]->Reset();
  clients[2]->HalfClose();
  EXPECT_TRUE(clients[2]->PumpUntilDone());
  const Operation o = pool.Ended(begun);
  EXPECT_EQ(o.result, OperationResult::kSucceeded);
  EXPECT_EQ(o.connections_moved, 0U);
  EXPECT_EQ(pool.StateOf(1), ReactorState::kDrained);
}

TEST_F(PoolDrainTest, TimeRunsOut) {
  TestPool pool(2);
  const Clients clients = pool.ConnectTo(1, 2);
  const DrainRequest request{.reactor = 1, .let_finish = true, .deadline = milliseconds(50)};
  Operation o = pool.Ended(pool->Drain(request));
  EXPECT_EQ(o.result, OperationResult::kTimedOut);
  EXPECT_THAT(o.message, HasSubstr("still has 2 connections"));
  EXPECT_EQ(o.connections_left, 2U);
  EXPECT_EQ(pool.StateOf(1), ReactorState::kDraining);
  EXPECT_TRUE(AllEcho(clients));
  const Clients elsewhere = ConnectSome(pool, 10);
  EXPECT_EQ(pool.ActiveOf(1), 2U);
  // Neither a growth nor the drain of the other one changes that.
  pool.Resize(3);
  EXPECT_EQ(pool.StateOf(1), ReactorState::kDraining);
  pool.DrainReactor(0);
  EXPECT_EQ(pool->Drain({.reactor = 2}).status().code(), absl::StatusCode::kFailedPrecondition);

  o = pool.Ended(pool->Drain({.reactor = 1}));
  EXPECT_EQ(o.result, OperationResult::kSucceeded);
  EXPECT_EQ(o.connections_moved, 2U);
  EXPECT_TRUE(AllEcho(clients));
  ASSERT_TRUE(pool->Undrain(0).ok());
  ASSERT_TRUE(pool->Undrain(1).ok());
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 2));
  ExpectSound(pool->Stats());
}

TEST_F(PoolDrainTest, IsTakenBackMidway) {
  TestPool pool(3);
  const Clients clients = pool.ConnectTo(1, 4);
  const auto begun = pool->Drain({.reactor = 1, .let_finish = true});
  ASSERT_TRUE(pool.WaitForPhase("finish"));
  EXPECT_EQ(pool->Undrain(2).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(pool->Undrain(1).ok());
  const Operation o = pool.Ended(begun);
  EXPECT_EQ(o.result, OperationResult::kCancelled);
  EXPECT_EQ(o.message, "reactor 1 serves again");
  EXPECT_EQ(pool.StateOf(1), ReactorState::kServing);
  EXPECT_THAT(SlotsOf(pool, 1), ElementsAre(1));
  EXPECT_TRUE(AllEcho(clients));
  EXPECT_TRUE(AllEcho(pool.ConnectTo(1, 3)));
}

// At whatever moment the undrain comes, the reactor serves in the end.
TEST_F(PoolDrainTest, IsTakenBackAtAnyMoment) {
  TestPool pool(3);
  const Clients clients = pool.ConnectTo(1, 40);
  for (int i = 0; i < 60; ++i) {
    const auto begun = pool->Drain({.reactor = 1, .let_finish = i % 4 == 0});
    ASSERT_TRUE(begun.ok()) << begun.status();
    for (int spin = 0; spin < i * 50; ++spin) std::this_thread::yield();
    const auto undrained = pool->Undrain(1);
    ASSERT_TRUE(undrained.ok()) << undrained.status();
    EXPECT_NE(pool.Ended(begun).result, OperationResult::kFailed);
    ASSERT_EQ(pool.StateOf(1), ReactorState::kServing);
    ASSERT_THAT(SlotsOf(pool, 1), ElementsAre(1));
    if (pool.ActiveOf(0) > 0) pool.Move(0, 1);
    if (pool.ActiveOf(2) > 0) pool.Move(2, 1);
  }
  EXPECT_TRUE(AllEcho(clients));
  ExpectSound(pool->Stats());
}

// An undrain that catches a second drain before it began undoes the first one too.
TEST_F(PoolDrainTest, IsTakenBackAfterTwoDrains) {
  TestPool pool(2);
  const Clients clients = pool.ConnectTo(1, 2);
  for (int i = 0; i < 50; ++i) {
    const DrainRequest request{.reactor = 1, .let_finish = true, .deadline = nanoseconds(0)};
    ASSERT_EQ(pool.Ended(pool->Drain(request)).result, OperationResult::kTimedOut);
    ASSERT_TRUE(pool->Drain({.reactor = 1, .let_finish = true}).ok());
    const auto back = pool->Undrain(1);
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(pool.StateOf(1), ReactorState::kServing) << i;
  }
  EXPECT_TRUE(AllEcho(clients));
}

// Reactor 0 accepts for parked ones when it is drained: somebody else must from then on.
TEST_F(PoolDrainTest, ParkedListenersOfADrainedReactorGoOn) {
  PoolOptions options = LoopbackPool(6);
  options.steering = false;  // so that parked listeners do get connections
  TestPool pool(options);
  pool.Resize(2);
  EXPECT_THAT(SlotsOf(pool, 0), Contains(0));
  EXPECT_EQ(SlotsOf(pool, 0).size() + SlotsOf(pool, 1).size(), 6U);
  pool.DrainReactor(0);
  EXPECT_EQ(SlotsOf(pool, 1).size(), 6U);
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 40)));
  ASSERT_TRUE(pool.WaitForActive(0));
  ASSERT_TRUE(pool->Undrain(0).ok());
  EXPECT_THAT(SlotsOf(pool, 0), ElementsAre(0));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 40)));
  pool.Resize(6);
  for (std::uint32_t i = 0; i < 6; ++i) EXPECT_THAT(SlotsOf(pool, i), ElementsAre(i));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 40)));
}

TEST_F(PoolDrainTest, ResizesAroundDrainedReactors) {
  TestPool pool(4);
  pool.DrainReactor(1);
  pool.DrainReactor(3);
  pool.Resize(6);
  EXPECT_THAT(pool.In(ReactorState::kDrained), ElementsAre(1, 3));
  pool.Resize(3);
  EXPECT_THAT(pool.In(ReactorState::kDrained), ElementsAre(1));
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 2));
  pool.Resize(4);
  EXPECT_EQ(pool.StateOf(3), ReactorState::kServing) << "it ended and began anew";
  pool.DrainReactor(0);
  const Operation o = pool.Ended(pool->Resize({.target = 2}));
  EXPECT_EQ(o.result, OperationResult::kFailed) << "0 and 1 are drained";
  EXPECT_THAT(o.message, HasSubstr("undrain one"));
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(2, 3));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 20)));
  ASSERT_TRUE(pool->Undrain(0).ok());
  pool.Resize(2);
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 20)));
}

class PoolShrinkTimeoutTest : public PoolDrainTest {
 protected:
  // Shrinks without any time until that is really too little: its reactors may be faster than the
  // control thread.
  static Operation ShrinkTooLate(
      TestPool& pool, std::uint32_t from, std::uint32_t to,
      const std::function<void()>& before = [] {}) {
    Operation o;
    for (int i = 0; i < 50; ++i) {
      before();
      o = pool.Ended(pool->Resize({.target = to, .deadline = nanoseconds(0)}));
      if (o.result == OperationResult::kTimedOut) break;
      pool.Resize(from);
      for (std::uint32_t reactor = 0; reactor < to; ++reactor) pool.Move(reactor, from - 1);
    }
    EXPECT_EQ(o.result, OperationResult::kTimedOut);
    EXPECT_GT(o.connections_left, 0U);
    EXPECT_THAT(o.message, HasSubstr("resize again"));
    return o;
  }
};

TEST_F(PoolShrinkTimeoutTest, IsCompletedByTheNext) {
  TestPool pool(4);
  const Clients clients = pool.ConnectTo(3, 400);
  ShrinkTooLate(pool, 4, 2);
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1));
  EXPECT_THAT(pool.In(ReactorState::kDraining), ElementsAre(2, 3));
  EXPECT_TRUE(AllEcho(clients));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 20)));
  ExpectSound(pool->Stats());
  // What was halted stays halted.
  const std::uint64_t left = pool.ActiveOf(3);
  EXPECT_TRUE(AllEcho(clients));
  EXPECT_EQ(pool.ActiveOf(3), left);
  pool.Resize(2);
  EXPECT_THAT(pool.In(ReactorState::kParked), ElementsAre(2, 3));
  EXPECT_TRUE(AllEcho(clients));
}

TEST_F(PoolShrinkTimeoutTest, IsTakenBackByALargerTarget) {
  TestPool pool(4);
  const Clients clients = pool.ConnectTo(3, 400);
  ShrinkTooLate(pool, 4, 1);
  EXPECT_THAT(pool.In(ReactorState::kDraining), ElementsAre(1, 2, 3));
  pool.Resize(3);
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 2));
  EXPECT_THAT(pool.In(ReactorState::kParked), ElementsAre(3));
  EXPECT_TRUE(AllEcho(clients));
  pool.Move(0, 2);
  pool.Move(1, 2);
  ShrinkTooLate(pool, 3, 1);
  const Operation o = pool.Resize(3);
  EXPECT_EQ(o.message, "2 reactors that were being removed serve again");
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 2));
  pool.Move(0, 2);
  pool.Move(1, 2);
  ShrinkTooLate(pool, 3, 1);
  pool.Resize(5);
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 2, 3, 4));
  for (std::uint32_t i = 0; i < 5; ++i) EXPECT_THAT(SlotsOf(pool, i), ElementsAre(i));
  EXPECT_TRUE(AllEcho(clients));
  ExpectSound(pool->Stats());
}

TEST_F(PoolShrinkTimeoutTest, LeavesDrainedReactorsDrained) {
  TestPool pool(4);
  const Clients clients = pool.ConnectTo(3, 400);
  ShrinkTooLate(pool, 4, 1, [&pool] { pool.DrainReactor(2); });
  EXPECT_EQ(pool.StateOf(2), ReactorState::kDrained);
  pool.Resize(4);
  EXPECT_EQ(pool.StateOf(2), ReactorState::kDrained);
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 3));
  EXPECT_TRUE(AllEcho(clients));
}

// A drain that ran out of time is the operator's, whatever resizes come.
TEST_F(PoolShrinkTimeoutTest, LeavesDrainingReactorsDraining) {
  TestPool pool(4);
  const Clients finishing = pool.ConnectTo(2, 300);
  const Clients clients = pool.ConnectTo(3, 300);
  const DrainRequest late{.reactor = 2, .let_finish = true, .deadline = nanoseconds(0)};
  ShrinkTooLate(pool, 4, 1, [&] {
    if (pool.ActiveOf(2) == 0) pool.Move(3, 2, 100);
    (void)pool.Ended(pool->Drain(late));
  });
  pool.Resize(4);
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 3));
  EXPECT_EQ(pool.StateOf(2), ReactorState::kDraining);
  EXPECT_TRUE(AllEcho(clients));
  EXPECT_TRUE(AllEcho(finishing));
}

TEST_F(PoolShrinkTimeoutTest, SingleReactorsAreUndrainedOrDrained) {
  TestPool pool(4);
  const Clients clients = pool.ConnectTo(3, 400);
  ShrinkTooLate(pool, 4, 1);
  ASSERT_TRUE(pool->Undrain(1).ok());
  EXPECT_EQ(pool.StateOf(1), ReactorState::kServing);
  pool.DrainReactor(2);
  pool.Resize(4);
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 3));
  EXPECT_THAT(pool.In(ReactorState::kDrained), ElementsAre(2)) << "the operator wants it so";
  EXPECT_TRUE(AllEcho(clients));
}

TEST_F(PoolShrinkTimeoutTest, TheGatewayDrainsAllTheSame) {
  TestPool pool(3);
  const Clients clients = pool.ConnectTo(2, 400);
  ShrinkTooLate(pool, 3, 1);
  const auto begun = pool->Drain(
      {.deadline = milliseconds(300), .quiet_period = nanoseconds(0), .spread = nanoseconds(0)});
  EXPECT_EQ(pool.Ended(begun).result, OperationResult::kTimedOut) << "clients do not close";
  EXPECT_EQ(pool.Active(), 0U);
  ASSERT_TRUE(pool->Undrain(std::nullopt).ok());
  pool.Resize(3);
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 2));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 10)));
}

}  // namespace
}  // namespace echogw::server
