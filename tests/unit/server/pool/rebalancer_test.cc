// Evening out connections without a control thread.

#include "server/pool/rebalancer.h"

#include "tests/unit/server/pool/pool_parts.h"

namespace echogw::server {
namespace {

using RebalancerTest = RunningPartsTest;

TEST_F(RebalancerTest, MovesConnectionsUntilTheLoadIsEven) {
  PoolContext& pool = Run(2);
  ConnectTo(0, 6);
  Rebalancer rebalancer(pool, *mover_);
  EXPECT_EQ(rebalancer.Handle({.dry_run = true}).message, "would move 3 connections");
  EXPECT_EQ(ActiveOf(0), 6U);
  EXPECT_EQ(rebalancer.Handle({}).message, "moved 3 connections");
  EXPECT_EQ(ActiveOf(1), 3U);
  EXPECT_EQ(rebalancer.Handle({.dry_run = true}).message, "would move 0 connections");
}

TEST_F(RebalancerTest, OnlyTheAutomaticModeTicks) {
  PoolContext& pool = Run(2);
  Rebalancer rebalancer(pool, *mover_);
  EXPECT_FALSE(rebalancer.automatic());
  const auto idle = rebalancer.Tick();
  rebalancer.SetAutomatic(true, RebalancePolicy::kBytes);
  EXPECT_TRUE(rebalancer.automatic());
  EXPECT_LT(rebalancer.Tick(), idle);
}

}  // namespace
}  // namespace echogw::server
