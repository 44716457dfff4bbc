// Draining a reactor and the gateway without a control thread, and the way back.

#include "server/pool/drainer.h"

#include "gmock/gmock.h"
#include "tests/unit/server/pool/pool_parts.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;
using ::testing::IsEmpty;

using DrainerTest = RunningPartsTest;

TEST_F(DrainerTest, ADrainedReactorHasNothingUntilItIsUndrained) {
  PoolContext& pool = Run(2);
  ConnectTo(1, 3);
  Drainer drainer(pool, *mover_);
  EXPECT_EQ(drainer.Handle(DrainRequest{.reactor = 1}).message, "reactor 1 is drained");
  EXPECT_EQ(pool.reactors.state(1), ReactorState::kDrained);
  EXPECT_EQ(ActiveOf(0), 3U);
  EXPECT_THAT(Stats()[1].listeners, IsEmpty());
  (void)drainer.Handle(UndrainRequest{.reactor = 1});
  EXPECT_EQ(pool.reactors.state(1), ReactorState::kServing);
}

TEST_F(DrainerTest, ACancelledDrainOfTheGatewayServesAgain) {
  PoolContext& pool = Run(1);
  Drainer drainer(pool, *mover_);
  pool.cancelled.store(true);
  const Outcome outcome = drainer.Handle(DrainRequest{.deadline = seconds(20)});
  EXPECT_EQ(outcome.result, OperationResult::kCancelled) << outcome.message;
  EXPECT_EQ(pool.state.load(), GatewayState::kServing);
}

}  // namespace
}  // namespace echogw::server
