// Weights and shares, as they show in where connections arrive.

#include "server/pool/steering.h"

#include "reactor/net/steering.h"
#include "tests/support/test_reactor.h"
#include "tests/unit/server/pool/pool_parts.h"

namespace echogw::server {
namespace {

using SteeringTest = PoolPartsTest;

TEST_F(SteeringTest, SendsToServingSlotsOnly) {
  PoolContext& pool = Make(4);
  pool.reactors.SetState(1, ReactorState::kServing);
  pool.reactors.SetState(2, ReactorState::kServing);
  pool.reactors.SetState(3, ReactorState::kDraining);
  (void)pool.steering.Apply();
  EXPECT_TRUE(pool.steering.active());
  auto where = WhereTheyGo(60);
  EXPECT_EQ(where[0], 0U);
  EXPECT_EQ(where[3], 0U);
  EXPECT_EQ(where[1] + where[2], 60U);
  EXPECT_GT(where[1], 5U);
  EXPECT_GT(where[2], 5U);
  EXPECT_EQ(log_.lines().size(), 0U);
}

TEST_F(SteeringTest, WeightsAndSharesMultiply) {
  PoolContext& pool = Make(3);
  for (std::uint32_t i = 0; i < 3; ++i) pool.reactors.SetState(i, ReactorState::kServing);
  pool.steering.SetWeights({{0, 0}, {1, 3}});
  (void)pool.steering.Apply();
  auto where = WhereTheyGo(200);
  EXPECT_EQ(where[0], 0U);
  EXPECT_GT(where[1], where[2]) << "3 to 1";

  pool.steering.SetShares({20, 1, 20});
  (void)pool.steering.Apply();
  where = WhereTheyGo(200);
  EXPECT_EQ(where[0], 0U) << "a share does not bring back what the operator took out";
  EXPECT_GT(where[2], where[1]) << "20 to 3";
  EXPECT_EQ(pool.steering.weight(1), 3U) << "the share is not shown as weight";
}

TEST_F(SteeringTest, TheLargestWeightsOfAllSlotsFit) {
  PoolContext& pool = Make(kReactorsMax);
  for (std::uint32_t i = 0; i < kReactorsMax; ++i) {
    pool.reactors.SetState(i, ReactorState::kServing);
    pool.steering.SetWeights({{i, kSteeringWeightMax}});
  }
  pool.steering.SetShares(std::vector<std::uint32_t>(kReactorsMax, 20));
  (void)pool.steering.Apply();
  EXPECT_TRUE(pool.steering.active());
  EXPECT_EQ(log_.lines().size(), 0U);
}

// The program names members of the group by their place, which others may have.
TEST_F(SteeringTest, IsOffWhileAnotherProcessSharesThePort) {
  const TestListener other;
  PoolOptions options = LoopbackPool(0);
  options.listen = {{.host = "127.0.0.1", .port = other.port}};
  options.allow_shared_port = true;
  PoolContext& pool = Make(2, options);
  for (std::uint32_t i = 0; i < 2; ++i) pool.reactors.SetState(i, ReactorState::kServing);
  (void)pool.steering.Apply();
  EXPECT_FALSE(pool.steering.active());
  auto where = WhereTheyGo(60);
  EXPECT_GT(60 - where[0] - where[1], 5U) << "the other one has its share";
  EXPECT_EQ(log_.Count("another process shares 127.0.0.1:"), 1U);
}

TEST_F(SteeringTest, OffIsNeverAttached) {
  PoolOptions options = LoopbackPool(0);
  options.steering = false;
  PoolContext& pool = Make(2, options);
  pool.reactors.SetState(0, ReactorState::kServing);
  (void)pool.steering.Apply();
  EXPECT_FALSE(pool.steering.active());
  auto where = WhereTheyGo(100);
  EXPECT_GT(where[1], 0U) << "the kernel's hash goes to all";
}

TEST_F(SteeringTest, WithoutAnySlotThatServesTheHashIsInForce) {
  PoolContext& pool = Make(2);
  pool.reactors.SetState(0, ReactorState::kServing);
  (void)pool.steering.Apply();
  ASSERT_TRUE(pool.steering.active());
  pool.reactors.SetState(0, ReactorState::kDraining);
  (void)pool.steering.Apply();
  EXPECT_FALSE(pool.steering.active());
  EXPECT_EQ(log_.Count("steering is off"), 1U);
  auto where = WhereTheyGo(100);
  EXPECT_GT(where[0], 0U);
  EXPECT_GT(where[1], 0U) << "the program is not left attached";
}

TEST_F(SteeringTest, AppliesEqualWeightsOnceAndReportsARefusalOnce) {
  PoolContext& pool = Make(2);
  for (int i = 0; i < 3; ++i) (void)pool.steering.Apply();
  EXPECT_EQ(log_.Count("steering is off"), 1U) << "no slot serves";
  pool.reactors.SetState(0, ReactorState::kServing);
  (void)pool.steering.Apply();
  EXPECT_TRUE(pool.steering.active()) << "tried again with other weights";
  ASSERT_TRUE(DetachSteering(pool.listeners.ListenersOf(0).front().fd).ok());
  (void)pool.steering.Apply();
  EXPECT_GT(WhereTheyGo(100)[1], 0U) << "the same program is not attached again";
}

}  // namespace
}  // namespace echogw::server
