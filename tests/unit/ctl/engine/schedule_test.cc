// Goal: a schedule gives out each message once, on time, within its budget, and at any rate that
// can be asked for. Method: pure calls with times of the test's own.
#include "ctl/engine/schedule.h"

#include <gtest/gtest.h>

namespace echogw::ctl::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr LoadTime kBegin{seconds(1000)};

LoadOptions AtRate(double rate, std::size_t connections = 4) {
  LoadOptions options;
  options.rate = rate;
  options.connections = connections;
  return options;
}

TEST(ScheduleTest, ThreadsInterleave) {
  // 100 a second over 4 connections, of which this thread has the last 2.
  Schedule schedule(AtRate(100), {.first = 2, .count = 2, .messages = 3});
  schedule.Start(kBegin);
  EXPECT_EQ(schedule.NextDue(), kBegin + milliseconds(10));
  EXPECT_EQ(schedule.DueTime(2), kBegin + milliseconds(50));
  EXPECT_FALSE(schedule.TakeDue(kBegin + milliseconds(9)));
  EXPECT_EQ(schedule.TakeDue(kBegin + milliseconds(10)), 0U);
  EXPECT_EQ(schedule.TakeDue(kBegin + seconds(1)), 1U);
  EXPECT_EQ(schedule.TakeDue(kBegin + seconds(1)), 2U);
  EXPECT_TRUE(schedule.exhausted());
  EXPECT_FALSE(schedule.TakeDue(kBegin + seconds(1)));
  EXPECT_EQ(schedule.NextDue(), LoadTime::max());
}

TEST(ScheduleTest, ABudgetWithoutARateHasNoTimes) {
  Schedule schedule(AtRate(0), {.count = 4, .messages = 5});
  EXPECT_FALSE(schedule.has_rate());
  EXPECT_EQ(schedule.Take(3), 3U);
  EXPECT_EQ(schedule.Take(3), 2U);
  EXPECT_TRUE(schedule.exhausted());
  EXPECT_EQ(schedule.Overdue(kBegin), 0U);
}

TEST(ScheduleTest, OverdueIsWhatWasDueAndNotTaken) {
  Schedule schedule(AtRate(1000), {.count = 4, .messages = 100});
  schedule.Start(kBegin);
  EXPECT_EQ(schedule.Overdue(kBegin - milliseconds(1)), 0U);
  EXPECT_EQ(schedule.Overdue(kBegin + milliseconds(9)), 10U);
  EXPECT_TRUE(schedule.TakeDue(kBegin));
  EXPECT_EQ(schedule.Overdue(kBegin + milliseconds(9)), 9U);
  // No more than may be sent at all.
  EXPECT_EQ(schedule.Overdue(kBegin + seconds(10)), 99U);
}

TEST(ScheduleTest, TimesBeyondTheClockSaturate) {
  Schedule slow(AtRate(1e-10), {.first = 0, .count = 4});
  slow.Start(kBegin);
  EXPECT_EQ(slow.TakeDue(kBegin), 0U);
  EXPECT_EQ(slow.NextDue(), LoadTime::max());
  Schedule fast(AtRate(1e300), {.first = 0, .count = 4});
  fast.Start(kBegin);
  EXPECT_EQ(fast.DueTime(1'000'000), kBegin);
  EXPECT_GT(fast.Overdue(kBegin + seconds(1)), std::uint64_t{1} << 60);
}

}  // namespace
}  // namespace echogw::ctl::load
