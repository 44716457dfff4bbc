// Goal: connections get what the control plane can spare, and a gateway that could not start says
// what it needs. Method: the arithmetic alone.
#include "server/descriptor_budget.h"

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace echogw {
namespace {

using testing::HasSubstr;

TEST(DescriptorBudgetTest, TheReserveGrowsWithTheLimitUpToAPoint) {
  const DescriptorNeed need{.reactors = 2, .listen_addresses = 1};
  EXPECT_EQ(*DescriptorCeiling(80, need), 80 - 16 - 2);
  EXPECT_EQ(*DescriptorCeiling(512, need), 512 - 64 - 2);
  EXPECT_EQ(*DescriptorCeiling(1'048'576, need), 1'048'576 - 128 - 2);
}

TEST(DescriptorBudgetTest, UnlimitedFilesFitAnInt) {
  EXPECT_GT(*DescriptorCeiling(~std::uint64_t{0}, {}), 1 << 30);
}

TEST(DescriptorBudgetTest, WhatTheMessageAsksForIsEnough) {
  for (const std::uint32_t reactors : {1U, 4U, 256U}) {
    for (const std::uint32_t addresses : {1U, 5U}) {
      const DescriptorNeed need{.reactors = reactors, .listen_addresses = addresses};
      std::uint64_t limit = 1;
      while (!DescriptorCeiling(limit, need).ok()) ++limit;
      const auto refused = DescriptorCeiling(limit - 1, need);
      EXPECT_THAT(std::string(refused.status().message()),
                  HasSubstr("need at least " + std::to_string(limit) + " open files"));
      // Reactors have their own below the ceiling, and a connection as well.
      const auto used = static_cast<int>(reactors * (2 + addresses));
      EXPECT_GT(*DescriptorCeiling(limit, need), used);
    }
  }
}

TEST(DescriptorBudgetTest, AHigherLimitNeverMeansALowerCeiling) {
  const DescriptorNeed need{.reactors = 8, .listen_addresses = 2};
  int last = 0;
  for (std::uint64_t limit = 100; limit < 5000; ++limit) {
    const auto ceiling = DescriptorCeiling(limit, need);
    if (!ceiling.ok()) continue;
    EXPECT_GE(*ceiling, last) << limit;
    last = *ceiling;
  }
  EXPECT_GT(last, 0);
}

}  // namespace
}  // namespace echogw
