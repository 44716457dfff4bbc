// Goal: polling before blocking finds what comes soon, keeps to its budget, and stops and starts by
// whether it pays.
// Method: a poller for which work comes at a time the test sets, and a clock that each poll moves.
#include "reactor/poll/spinning_wait.h"

#include <algorithm>
#include <array>

#include "gtest/gtest.h"
#include "tests/support/manual_clock.h"

namespace echogw {
namespace {

constexpr Nanos kMicro = 1000;
constexpr Nanos kBudget = 50 * kMicro;
constexpr Nanos kPollTakes = kMicro;

class TimedPoller final : public Poller {
 public:
  explicit TimedPoller(ManualClock& clock) : clock_(clock) {}

  // When the next work is there; being woken for it takes `waking` more.
  Nanos work_at = kNever;
  Nanos waking = 0;
  int polls = 0;
  int blocks = 0;
  Nanos blocked_for = 0;  // the timeout of the last wait that blocked

  [[nodiscard]] bool edge_triggered() const noexcept override { return true; }
  [[nodiscard]] int Add(int, std::uint64_t, std::uint32_t, bool) noexcept override { return 0; }
  [[nodiscard]] int SetInterest(int, std::uint64_t, std::uint32_t, bool) noexcept override {
    return 0;
  }
  void Remove(int) noexcept override {}
  void Closing(int) noexcept override {}

  [[nodiscard]] std::size_t Wait(std::span<epoll_event>, Nanos timeout) noexcept override {
    const Nanos now = clock_.Now();
    if (timeout == 0) {
      ++polls;
      clock_.Advance(kPollTakes);
      return work_at <= now ? 1 : 0;
    }
    ++blocks;
    blocked_for = timeout;
    if (timeout != kNever && now + timeout < work_at) {
      clock_.Advance(timeout);
      return 0;
    }
    EXPECT_NE(work_at, kNever) << "it waits for ever";
    clock_.Advance(std::max<Nanos>(work_at - now, 0) + waking);
    return 1;
  }

 private:
  ManualClock& clock_;
};

class SpinningWaitTest : public ::testing::Test {
 protected:
  // One wait; its work comes after `gap`.
  SpinningWait::Result WaitFor(Nanos gap, Nanos timeout = kNever) {
    const Nanos now = clock_.Now();
    poller_.work_at = gap == kNever ? kNever : now + gap;
    return spin_.Wait(poller_, clock_, events_, now, timeout);
  }
  void StopPaying() {
    for (int i = 0; i < 16; ++i) static_cast<void>(WaitFor(kNanosPerMilli));
    ASSERT_FALSE(spin_.pays());
    poller_.polls = poller_.blocks = 0;
  }

  ManualClock clock_;
  TimedPoller poller_{clock_};
  SpinningWait spin_{kBudget};
  std::array<epoll_event, 4> events_{};
};

TEST_F(SpinningWaitTest, WhatComesWithinTheBudgetIsMetAwake) {
  for (int i = 0; i < 1000; ++i) {
    const SpinningWait::Result result = WaitFor(30 * kMicro);
    EXPECT_EQ(result.events, 1U);
    EXPECT_EQ(result.spun, 29 * kMicro) << "the first look and the last are no polling";
  }
  EXPECT_EQ(poller_.blocks, 0);
  EXPECT_TRUE(spin_.pays());
}

TEST_F(SpinningWaitTest, BlocksWhenTheBudgetIsSpent) {
  const SpinningWait::Result result = WaitFor(80 * kMicro);
  EXPECT_EQ(result.events, 1U);
  EXPECT_EQ(result.spun, kBudget);
  EXPECT_EQ(poller_.polls, 51);
  EXPECT_EQ(poller_.blocks, 1);
  EXPECT_EQ(poller_.blocked_for, kNever);
}

TEST_F(SpinningWaitTest, BlocksForWhatIsLeftOfTheTimeout) {
  EXPECT_EQ(WaitFor(kNever, 200 * kMicro).events, 0U);
  EXPECT_EQ(poller_.blocked_for, 149 * kMicro);
  // A timeout below the budget: polled through, and asked once more without blocking.
  poller_.blocks = 0;
  const SpinningWait::Result result = WaitFor(kNever, 10 * kMicro);
  EXPECT_EQ(result.events, 0U);
  EXPECT_EQ(result.spun, 9 * kMicro);
  EXPECT_EQ(poller_.blocks, 0);
}

TEST_F(SpinningWaitTest, AWaitOfNoTimePollsOnce) {
  const SpinningWait::Result result = WaitFor(kNever, 0);
  EXPECT_EQ(result.events, 0U);
  EXPECT_EQ(result.spun, 0);
  EXPECT_EQ(poller_.polls, 1);
}

TEST_F(SpinningWaitTest, StopsWhereItDoesNotPay) {
  constexpr int kWaits = 3200;
  Nanos spun = 0;
  for (int i = 0; i < kWaits; ++i) spun += WaitFor(kNanosPerMilli).spun;
  EXPECT_FALSE(spin_.pays());
  EXPECT_EQ(poller_.blocks, kWaits);
  // Nine that showed it, and one try of 32.
  EXPECT_LE(spun, (9 + kWaits / SpinningWait::kTryEvery) * kBudget);
  EXPECT_GT(spun, 90 * kBudget) << "it no longer tries";
}

TEST_F(SpinningWaitTest, StartsAgainAfterShortWaits) {
  StopPaying();
  for (int i = 0; i < 16 && !spin_.pays(); ++i) static_cast<void>(WaitFor(20 * kMicro));
  EXPECT_TRUE(spin_.pays());
  EXPECT_EQ(poller_.polls, 0) << "the blocked waits alone show it";
}

TEST_F(SpinningWaitTest, StartsAgainByTryingWhereWakingIsSlow) {
  StopPaying();
  // Every blocked wait seems too long: only tries find that work comes within the budget.
  poller_.waking = 3 * kBudget;
  int waits = 0;
  while (!spin_.pays() && waits < 1000) {
    static_cast<void>(WaitFor(20 * kMicro));
    ++waits;
  }
  EXPECT_TRUE(spin_.pays());
  EXPECT_LE(waits, 8 * static_cast<int>(SpinningWait::kTryEvery));
}

TEST_F(SpinningWaitTest, AsManyHitsAsMissesStillPay) {
  for (int i = 0; i < 200; ++i) static_cast<void>(WaitFor(i % 2 == 0 ? 10 * kMicro : 200 * kMicro));
  EXPECT_TRUE(spin_.pays());
  for (int i = 0; i < 200; ++i) static_cast<void>(WaitFor(i % 4 == 0 ? 10 * kMicro : 200 * kMicro));
  EXPECT_FALSE(spin_.pays());
}

TEST(SpinningWait, IsOffWithoutABudget) {
  EXPECT_FALSE(SpinningWait(0).enabled());
  EXPECT_TRUE(SpinningWait(1).enabled());
}

}  // namespace
}  // namespace echogw
