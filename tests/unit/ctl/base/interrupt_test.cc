// Goal: an interrupt reaches the verb that armed for it, and no other.
#include "ctl/base/interrupt.h"

#include <gtest/gtest.h>

namespace echogw::ctl {
namespace {

TEST(Interrupt, IsNotTakenWithoutAGuard) {
  Interrupt interrupt;
  EXPECT_FALSE(interrupt.Trigger());
  EXPECT_FALSE(interrupt.requested());
}

TEST(Interrupt, WakesTheGuard) {
  Interrupt interrupt;
  int wakes = 0;
  {
    const auto guard = interrupt.Arm([&] { ++wakes; });
    EXPECT_TRUE(interrupt.Trigger());
    EXPECT_TRUE(interrupt.requested());
    EXPECT_EQ(wakes, 1);
  }
  EXPECT_FALSE(interrupt.Trigger());
  EXPECT_EQ(wakes, 1);
}

TEST(Interrupt, ReachesAGuardThatComesLater) {
  Interrupt interrupt;
  {
    const auto guard = interrupt.Arm({});
    EXPECT_TRUE(interrupt.Trigger());
  }
  int wakes = 0;
  const auto guard = interrupt.Arm([&] { ++wakes; });
  EXPECT_EQ(wakes, 1);
}

}  // namespace
}  // namespace echogw::ctl
