// Invariants: busy and waiting time together are the time that passed; an engine's work inside its
// wait counts as busy, and what it spins does not; no counter ever goes back.
#include "reactor/stats/loop_time.h"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace echogw {
namespace {

constexpr Nanos kMicro = 1000;

class LoopTimeTest : public ::testing::Test {
 protected:
  // A wait of `waited` in which the thread ran for `worked`, then polled for `spun`, then slept.
  void Wait(LoopTime& time, Nanos waited, Nanos worked, Nanos spun = 0) {
    clock_.Advance(waited);
    clock_.Run(worked + spun);
    clock_.Sleep();
    time.Waited(waited, spun, clock_.Now());
  }
  void Handle(LoopTime& time, Nanos took) {
    clock_.Advance(took);
    clock_.Run(took);
    time.Handled(took, clock_.Now());
  }

  ManualClock clock_;
  Counters counters_;
};

TEST_F(LoopTimeTest, WhatOnlyWaitsIsCountedAtOnce) {
  LoopTime time(counters_, clock_, false);
  time.Begin(clock_.Now());
  Wait(time, 700 * kMicro, 5 * kMicro);
  Handle(time, 300 * kMicro);
  Wait(time, 100 * kMicro, 0, 60 * kMicro);
  EXPECT_EQ(counters_.loop_wait_ns.value(), 800'000U);
  EXPECT_EQ(counters_.loop_busy_ns.value(), 300'000U);
  EXPECT_EQ(counters_.loop_spin_ns.value(), 60'000U);
}

TEST_F(LoopTimeTest, WhatIsInProgressCountsForWhoeverReads) {
  LoopTime time(counters_, clock_, false);
  time.Begin(clock_.Now());
  clock_.Advance(kNanosPerSecond);
  EXPECT_EQ(counters_.ReadAt(clock_.Now()).loop_wait_ns, 1'000'000'000U) << "an idle reactor";
  Wait(time, 500 * kNanosPerMilli, 0);
  clock_.Advance(9 * kNanosPerSecond);
  const CounterSnapshot stuck = counters_.ReadAt(clock_.Now());
  EXPECT_EQ(stuck.loop_busy_ns, 9'000'000'000U);
  EXPECT_EQ(stuck.loop_wait_ns, 500'000'000U);
  time.Handled(9 * kNanosPerSecond, clock_.Now());
  EXPECT_EQ(counters_.ReadAt(clock_.Now()).loop_busy_ns, 9'000'000'000U) << "once";
  time.End();
  clock_.Advance(kNanosPerSecond);
  EXPECT_EQ(counters_.ReadAt(clock_.Now()).loop_wait_ns, 500'000'000U) << "it has ended";
}

TEST_F(LoopTimeTest, WorkInsideTheWaitIsBusy) {
  LoopTime time(counters_, clock_, true);
  clock_.Run(50 * kNanosPerMilli);  // before it began: somebody else's
  time.Begin(clock_.Now());
  for (int i = 0; i < 100; ++i) {
    Wait(time, 90 * kMicro, 60 * kMicro);
    Handle(time, 10 * kMicro);
  }
  // All but what came since the last sample, which is less than a millisecond.
  const std::uint64_t busy = counters_.loop_busy_ns.value();
  const std::uint64_t wait = counters_.loop_wait_ns.value();
  EXPECT_GE(busy + wait, 9'000'000U);
  EXPECT_LE(busy + wait, 10'000'000U);
  EXPECT_NEAR(static_cast<double>(busy) / static_cast<double>(busy + wait), 0.7, 0.01);
}

TEST_F(LoopTimeTest, SpinningIsNotBusy) {
  LoopTime time(counters_, clock_, true);
  time.Begin(clock_.Now());
  Wait(time, 2 * kNanosPerMilli, 300 * kMicro, 1500 * kMicro);
  EXPECT_EQ(counters_.loop_busy_ns.value(), 300'000U);
  EXPECT_EQ(counters_.loop_wait_ns.value(), 1'700'000U);
  EXPECT_EQ(counters_.loop_spin_ns.value(), 1'500'000U);
}

// As when the two clocks are not read at the same instant.
TEST_F(LoopTimeTest, AThreadThatRanForLongerThanItWaitedWasBusyAllTheTime) {
  LoopTime time(counters_, clock_, true);
  time.Begin(clock_.Now());
  Wait(time, 2 * kNanosPerMilli, 3 * kNanosPerMilli);
  EXPECT_EQ(counters_.loop_busy_ns.value(), 2'000'000U);
  EXPECT_EQ(counters_.loop_wait_ns.value(), 0U);
  Wait(time, 2 * kNanosPerMilli, 3 * kNanosPerMilli, 500 * kMicro);
  EXPECT_EQ(counters_.loop_busy_ns.value(), 3'500'000U);
  EXPECT_EQ(counters_.loop_wait_ns.value(), counters_.loop_spin_ns.value());
}

TEST_F(LoopTimeTest, AThreadThatNeverSleepsIsBusyWithHalfACpu) {
  LoopTime time(counters_, clock_, true);
  time.Begin(clock_.Now());
  clock_.Advance(4 * kNanosPerMilli);
  clock_.Run(2 * kNanosPerMilli);
  time.Waited(4 * kNanosPerMilli, 0, clock_.Now());
  EXPECT_EQ(counters_.loop_busy_ns.value(), 4'000'000U);
  EXPECT_EQ(counters_.loop_wait_ns.value(), 0U);
}

TEST_F(LoopTimeTest, AThreadThatDidNotRunWhileItHandledIsNotNegative) {
  LoopTime time(counters_, clock_, true);
  time.Begin(clock_.Now());
  clock_.Advance(5 * kNanosPerMilli);  // preempted: it did not run
  time.Handled(5 * kNanosPerMilli, clock_.Now());
  Wait(time, 2 * kNanosPerMilli, kMicro);
  EXPECT_EQ(counters_.loop_busy_ns.value(), 5'000'000U);
  EXPECT_EQ(counters_.loop_wait_ns.value(), 2'000'000U);
}

}  // namespace
}  // namespace echogw
