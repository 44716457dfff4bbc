// Growing and shrinking without a control thread.

#include "server/pool/resizer.h"

#include "gmock/gmock.h"
#include "tests/unit/server/pool/pool_parts.h"

namespace echogw::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using ResizerTest = RunningPartsTest;

TEST_F(ResizerTest, ShrinkMovesConnectionsAndParksListeners) {
  PoolContext& pool = Run(3);
  ConnectTo(2, 4);
  const Outcome outcome = resizer_->Handle({.target = 1});
  EXPECT_EQ(outcome.result, OperationResult::kSucceeded) << outcome.message;
  EXPECT_THAT(pool.reactors.Running(), ElementsAre(0));
  EXPECT_EQ(ActiveOf(0), 4U);
  EXPECT_EQ(pool.listeners.owner(2), 0U);
  EXPECT_EQ(resizer_->Handle({.target = 2}).result, OperationResult::kSucceeded);
  EXPECT_EQ(pool.listeners.owner(1), 1U);
  EXPECT_THAT(pool.retiring, IsEmpty());
}

TEST_F(ResizerTest, ADryRunChangesNothing) {
  PoolContext& pool = Run(2);
  EXPECT_EQ(resizer_->Handle({.target = 1, .dry_run = true}).message,
            "would go from 2 to 1 reactors and move 0 connections");
  EXPECT_THAT(pool.reactors.Serving(), ElementsAre(0, 1));
}

}  // namespace
}  // namespace echogw::server
