// Which requests become tasks, in which order, and what cancels them.

#include "server/pool/task_queue.h"

#include "tests/unit/server/pool/pool_parts.h"

namespace echogw::server {
namespace {

using TaskQueueTest = RunningPartsTest;

TEST_F(TaskQueueTest, OneTaskAtATimeAndADrainOfTheGatewayBehindIt) {
  PoolContext& pool = Run(1);
  TaskQueue tasks(pool);
  const auto resize = tasks.Enter(ResizeRequest{.target = 2}, {.kind = OperationKind::kResize});
  ASSERT_TRUE(resize.ok()) << resize.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(
      tasks.Enter(ResizeRequest{.target = 3}, {.kind = OperationKind::kResize}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(tasks.WhenIdle([] { return absl::OkStatus(); })));
  const auto running = tasks.Next();
  ASSERT_TRUE(running.has_value());
  EXPECT_EQ(running->operation, resize->id);
  EXPECT_FALSE(pool.cancelled.load());

  ASSERT_TRUE(tasks.EnterGatewayDrain({}).ok());
  EXPECT_TRUE(pool.cancelled.load()) << "the drain cancels what runs";
  tasks.End(*running, {OperationResult::kCancelled});
  EXPECT_FALSE(pool.cancelled.load());
  EXPECT_TRUE(tasks.Next().has_value());
}

TEST_F(TaskQueueTest, ATaskThatWaitsEndsAStepOfTheAutomaticMode) {
  PoolContext& pool = Run(2);
  TaskQueue tasks(pool);
  EXPECT_FALSE(tasks.Next().has_value());
  EXPECT_FALSE(pool.task_waiting.load());
  ASSERT_TRUE(tasks.EnterGatewayDrain({}).ok());
  EXPECT_TRUE(pool.task_waiting.load());
  EXPECT_TRUE(tasks.Next().has_value());
  EXPECT_FALSE(pool.task_waiting.load());
  tasks.Stop();
  EXPECT_TRUE(pool.task_waiting.load());
}

TEST_F(TaskQueueTest, AnUndrainTakesAWaitingDrainOffTheQueue) {
  PoolContext& pool = Run(1);
  TaskQueue tasks(pool);
  const auto drain = tasks.EnterGatewayDrain({});
  ASSERT_TRUE(drain.ok()) << drain.status();
  EXPECT_EQ(*tasks.Undrain(std::nullopt), GatewayState::kServing);
  EXPECT_EQ(pool.operations.Get(drain->id)->message, "undrained before it began");
  EXPECT_FALSE(tasks.Next().has_value());
}

TEST_F(TaskQueueTest, StopRefusesRequestsAndCancelsWhatWaits) {
  PoolContext& pool = Run(1);
  TaskQueue tasks(pool);
  const auto drain = tasks.EnterGatewayDrain({});
  ASSERT_TRUE(drain.ok()) << drain.status();
  tasks.Stop();
  EXPECT_EQ(pool.operations.Get(drain->id)->result, OperationResult::kCancelled);
  EXPECT_TRUE(absl::IsUnavailable(tasks.EnterGatewayDrain({}).status()));
  EXPECT_TRUE(absl::IsUnavailable(tasks.Undrain(std::nullopt).status()));
}

}  // namespace
}  // namespace echogw::server
