// Moving connections and listeners between reactors.

#include "server/pool/mover.h"

#include "gmock/gmock.h"
#include "tests/unit/server/pool/pool_parts.h"

namespace echogw::server {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

using MoverTest = RunningPartsTest;

TEST_F(MoverTest, PlannedMovesOfOneSourceFollowEachOther) {
  Run(3);
  ConnectTo(0, 6);
  EXPECT_EQ(mover_->Move({{0, 1, 2}, {0, 2, 3}}, 0, pool_->cancelled), 5U);
  EXPECT_EQ(ActiveOf(0), 1U);
  EXPECT_EQ(ActiveOf(1), 2U) << "counted when Move returns";
  EXPECT_EQ(ActiveOf(2), 3U);
}

TEST_F(MoverTest, ACancelledMoveMovesNothing) {
  Run(2);
  ConnectTo(0, 3);
  const std::atomic<bool> cancel{true};
  EXPECT_EQ(mover_->Move({{0, 1, 3}}, 0, cancel), 0U);
  EXPECT_EQ(ActiveOf(0), 3U);
}

TEST_F(MoverTest, ListenersGoToAnotherReactorAndBack) {
  PoolContext& pool = Run(2);
  ASSERT_TRUE(mover_->HandOver(1, {0}));
  EXPECT_THAT(Stats()[0].listeners, SizeIs(2));
  EXPECT_THAT(Stats()[1].listeners, IsEmpty());
  pool.reactors.SetState(1, ReactorState::kDraining);
  mover_->TakeBack({1});
  EXPECT_THAT(Stats()[1].listeners, SizeIs(1));
  EXPECT_EQ(pool.reactors.state(1), ReactorState::kServing);
}

}  // namespace
}  // namespace echogw::server
