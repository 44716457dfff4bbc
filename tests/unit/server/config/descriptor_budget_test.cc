// Goal: connections get what the control plane can spare, and a gateway that could not start says
// what it needs. Method: the arithmetic alone.
#include "server/config/descriptor_budget.h"

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace echogw::server {
namespace {

using testing::HasSubstr;

TEST(DescriptorBudgetTest, TheReserveGrowsWithTheLimitUpToAPoint) {
  const DescriptorNeed need{.reactors = 2, .listen_addresses = 1};
  EXPECT_EQ(SplitDescriptors(80, need)->ceiling, 80 - 16 - 2);
  EXPECT_EQ(SplitDescriptors(512, need)->ceiling, 512 - 64 - 2);
  EXPECT_EQ(SplitDescriptors(1'048'576, need)->ceiling, 1'048'576 - 128 - 2);
}

TEST(DescriptorBudgetTest, AdminConnectionsLeaveHalfOfTheReserve) {
  const DescriptorNeed need{.reactors = 2, .listen_addresses = 1};
  EXPECT_EQ(SplitDescriptors(80, need)->admin_connections, 8U);
  EXPECT_EQ(SplitDescriptors(512, need)->admin_connections, 32U);
  EXPECT_EQ(SplitDescriptors(1'048'576, need)->admin_connections, 64U);
}

TEST(DescriptorBudgetTest, TheExporterLeavesOperatorsTheirs) {
  const DescriptorNeed need{.reactors = 2, .listen_addresses = 1};
  EXPECT_EQ(SplitDescriptors(80, need)->exporter_connections, 4U);
  EXPECT_EQ(SplitDescriptors(1'048'576, need)->exporter_connections, 32U);
}

TEST(DescriptorBudgetTest, UnlimitedFilesFitAnInt) {
  EXPECT_GT(SplitDescriptors(~std::uint64_t{0}, {})->ceiling, 1 << 30);
}

TEST(DescriptorBudgetTest, WhatTheMessageAsksForIsEnough) {
  for (const std::uint32_t reactors : {1U, 4U, 256U}) {
    for (const std::uint32_t addresses : {1U, 5U}) {
      const DescriptorNeed need{.reactors = reactors, .listen_addresses = addresses};
      std::uint64_t limit = 1;
      while (!SplitDescriptors(limit, need).ok()) ++limit;
      const auto refused = SplitDescriptors(limit - 1, need);
      EXPECT_THAT(std::string(refused.status().message()),
                  HasSubstr("need at least " + std::to_string(limit) + " open files"));
      // Reactors have their own below the ceiling, and a connection as well.
      const auto used = static_cast<int>(reactors * (2 + addresses));
      EXPECT_GT(SplitDescriptors(limit, need)->ceiling, used);
    }
  }
}

TEST(DescriptorBudgetTest, AHigherLimitNeverMeansALowerCeiling) {
  const DescriptorNeed need{.reactors = 8, .listen_addresses = 2};
  int last = 0;
  for (std::uint64_t limit = 100; limit < 5000; ++limit) {
    const auto budget = SplitDescriptors(limit, need);
    if (!budget.ok()) continue;
    EXPECT_GE(budget->ceiling, last) << limit;
    last = budget->ceiling;
  }
  EXPECT_GT(last, 0);
}

}  // namespace
}  // namespace echogw::server
