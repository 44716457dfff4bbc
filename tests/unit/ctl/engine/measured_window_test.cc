// Goal: only the time between warm-up and end is measured, whatever durations are asked for.
// Method: pure calls with times of the test's own.
#include "ctl/engine/measured_window.h"

#include <gtest/gtest.h>

namespace echogw::ctl::load {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr LoadTime kStart{seconds(1000)};

TEST(MeasuredWindowTest, StartsAfterTheWarmupAndEndsWithTheDuration) {
  MeasuredWindow window;
  window.Open(kStart, seconds(1), seconds(2));
  window.Update(kStart);
  EXPECT_FALSE(window.Counts(kStart));
  EXPECT_EQ(window.NextChange(), kStart + seconds(1));
  window.Update(kStart + seconds(1));
  EXPECT_TRUE(window.Counts(kStart + seconds(1)));
  EXPECT_EQ(window.NextChange(), kStart + seconds(3));
  EXPECT_FALSE(window.IsOver(window.last()));
  EXPECT_TRUE(window.IsOver(kStart + seconds(3)));
  window.Close(kStart + seconds(3));
  window.Close(kStart + seconds(4));
  EXPECT_FALSE(window.Counts(kStart + seconds(3)));
  EXPECT_TRUE(window.Covers(kStart + seconds(2)));
  EXPECT_EQ(window.from(), kStart + seconds(1));
  EXPECT_EQ(window.measured(), seconds(2));
}

TEST(MeasuredWindowTest, NothingIsMeasuredWhenItClosesInTheWarmup) {
  MeasuredWindow window;
  window.Open(kStart, seconds(1), seconds(2));
  window.Update(kStart);
  window.Close(kStart + nanoseconds(1));
  EXPECT_EQ(window.measured(), nanoseconds(0));
  EXPECT_EQ(window.cpu(), nanoseconds(0));
}

TEST(MeasuredWindowTest, TheLongestDurationsHaveNoEnd) {
  MeasuredWindow window;
  window.Open(kStart, nanoseconds(0), nanoseconds::max());
  EXPECT_FALSE(window.IsOver(kStart + seconds(1)));
  window.Open(kStart, nanoseconds::max(), seconds(1));
  window.Update(kStart + seconds(2));
  EXPECT_FALSE(window.Counts(kStart + seconds(2)));
  EXPECT_FALSE(window.IsOver(kStart + seconds(2)));
}

}  // namespace
}  // namespace echogw::ctl::load
