// Goal: every timer fires once, never early and at most one tick late, whatever else is set, moved
// or cancelled; a wheel without timers needs no wake-up. Method: single steps, then thousands of
// random ones against a sorted map.
#include "reactor/base/timer_wheel.h"

#include <map>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace echogw {
namespace {

constexpr Nanos kTick = TimerWheel::kTick;

std::vector<std::uint32_t> Ended(TimerWheel& wheel, Nanos now) {
  wheel.Advance(now);
  std::vector<std::uint32_t> out;
  while (const auto index = wheel.PopEnded()) out.push_back(*index);
  return out;
}

TEST(TimerWheelTest, WithoutTimersThereIsNothingToWakeFor) {
  TimerWheel wheel;
  EXPECT_EQ(wheel.NextAt(), kNever);
  EXPECT_TRUE(Ended(wheel, 1000 * kNanosPerSecond).empty());
  wheel.Cancel(7);
  EXPECT_EQ(wheel.size(), 0U);
}

TEST(TimerWheelTest, EndsWithTheFirstTickThatIsNotEarly) {
  TimerWheel wheel;
  wheel.Schedule(3, 5 * kTick + 1);
  EXPECT_TRUE(wheel.IsScheduled(3));
  EXPECT_EQ(wheel.NextAt(), 6 * kTick);
  EXPECT_TRUE(Ended(wheel, 6 * kTick - 1).empty());
  EXPECT_EQ(Ended(wheel, 6 * kTick), std::vector<std::uint32_t>{3});
  EXPECT_FALSE(wheel.IsScheduled(3));
  EXPECT_EQ(wheel.NextAt(), kNever);
}

TEST(TimerWheelTest, OneThatIsDueAlreadyEndsWithTheNextTick) {
  TimerWheel wheel;
  wheel.Advance(100 * kTick);
  wheel.Schedule(0, 5 * kTick);
  EXPECT_TRUE(Ended(wheel, 100 * kTick).empty());
  EXPECT_EQ(Ended(wheel, 101 * kTick), std::vector<std::uint32_t>{0});
}

TEST(TimerWheelTest, AWeekAwayIsOneWakeUpALevel) {
  TimerWheel wheel;
  const Nanos due = 7 * 24 * 3600 * kNanosPerSecond;
  wheel.Schedule(1, due);
  Nanos now = 0;
  int wakes = 0;
  for (; wheel.size() > 0 && wakes < 100; ++wakes) {
    ASSERT_GT(wheel.NextAt(), now);
    now = wheel.NextAt();
    Ended(wheel, now);
  }
  EXPECT_LE(wakes, 6);
  EXPECT_GE(now, due);
  EXPECT_LT(now, due + kTick);
}

TEST(TimerWheelTest, EndedOnesMayBeCancelledAndSetAnewBeforeTheOthersArePopped) {
  TimerWheel wheel;
  for (const std::uint32_t i : {0U, 1U, 2U, 3U}) wheel.Schedule(i, kTick);
  wheel.Advance(kTick);
  EXPECT_EQ(wheel.size(), 4U);
  EXPECT_LE(wheel.NextAt(), kTick) << "they wait to be popped";
  const auto first = wheel.PopEnded();
  ASSERT_TRUE(first.has_value());
  wheel.Schedule(*first, 2 * kTick);
  const std::uint32_t other = *first == 0 ? 1 : 0;
  wheel.Cancel(other);
  std::set<std::uint32_t> rest;
  while (const auto index = wheel.PopEnded()) rest.insert(*index);
  EXPECT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest.count(*first) + rest.count(other), 0U);
  EXPECT_EQ(Ended(wheel, 2 * kTick), std::vector<std::uint32_t>{*first});
}

TEST(TimerWheelTest, ClearForgetsAll) {
  TimerWheel wheel;
  for (std::uint32_t i = 0; i < 100; ++i) wheel.Schedule(i, (1 + i * i) * kTick);
  wheel.Advance(kTick);
  wheel.Clear();
  EXPECT_EQ(wheel.NextAt(), kNever);
  EXPECT_TRUE(Ended(wheel, 1'000'000 * kTick).empty());
}

TEST(TimerWheelPropertyTest, AgreesWithASortedMap) {
  Random random(TestSeed());
  TimerWheel wheel;
  std::map<std::uint32_t, Nanos> due;  // the model
  Nanos now = static_cast<Nanos>(random.Between(0, std::uint64_t{1} << 50U));
  wheel.Advance(now);
  for (int step = 0; step < 30'000; ++step) {
    const auto index = static_cast<std::uint32_t>(random.Index(200));
    // From less than a tick to two weeks, each magnitude equally often.
    const auto away =
        static_cast<Nanos>(random.Between(0, std::uint64_t{1} << random.Between(0, 50)));
    switch (random.Between(0, 3)) {
      case 0:
      case 1:
        wheel.Schedule(index, now + away);
        // What is due within the current tick fires with the next.
        due[index] = std::max(now + away, (now / kTick) * kTick + 1);
        break;
      case 2:
        wheel.Cancel(index);
        due.erase(index);
        break;
      default: {
        // As a loop does: up to the next wake-up, or far too late.
        const bool overslept = random.Percent(5);
        now = overslept ? now + away / 4096 : std::max(now, std::min(now + away, wheel.NextAt()));
        std::set<std::uint32_t> expected;
        for (const auto& [i, at] : due) {
          if ((at + kTick - 1) / kTick <= now / kTick) expected.insert(i);
        }
        const std::vector<std::uint32_t> ended = Ended(wheel, now);
        ASSERT_EQ(std::set<std::uint32_t>(ended.begin(), ended.end()), expected);
        ASSERT_EQ(ended.size(), expected.size()) << "one fired twice";
        for (const std::uint32_t i : expected) due.erase(i);
      }
    }
    ASSERT_EQ(wheel.size(), due.size());
    ASSERT_EQ(wheel.IsScheduled(index), due.count(index) == 1);
    Nanos first = kNever;
    for (const auto& [i, at] : due) first = std::min(first, (at + kTick - 1) / kTick * kTick);
    ASSERT_LE(wheel.NextAt(), first) << "the loop would sleep too long";
  }
}

}  // namespace
}  // namespace echogw
