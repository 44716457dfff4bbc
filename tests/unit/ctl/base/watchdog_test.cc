// Goal: the watchdog bites once after silence, and never when it was fed or stopped.
#include "ctl/base/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>

namespace echogw::ctl {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

TEST(Watchdog, BitesOnceAfterSilence) {
  std::promise<void> bitten;
  Watchdog watchdog(milliseconds(10), [&] { bitten.set_value(); });
  EXPECT_EQ(bitten.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(watchdog.has_bitten());
}

TEST(Watchdog, FeedingPutsTheBiteOff) {
  std::promise<Clock::time_point> bitten;
  auto bite = bitten.get_future();
  Watchdog watchdog(milliseconds(200), [&] { bitten.set_value(Clock::now()); });
  EXPECT_EQ(bite.wait_for(milliseconds(50)), std::future_status::timeout);
  const auto fed = Clock::now();
  watchdog.Feed();
  EXPECT_GE(bite.get() - fed, milliseconds(200));
}

TEST(Watchdog, AsksBeforeItBites) {
  std::atomic<int> asked{0};
  std::promise<void> bitten;
  Watchdog watchdog(milliseconds(5), [&] { bitten.set_value(); });
  watchdog.AskBefore([&] { return ++asked < 3; });
  EXPECT_EQ(bitten.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(asked, 3);
}

TEST(Watchdog, NeverBitesOnceStopped) {
  std::atomic<int> bites{0};
  {
    Watchdog watchdog(std::chrono::hours(1), [&] { ++bites; });
    watchdog.Stop();
    EXPECT_FALSE(watchdog.has_bitten());
  }
  EXPECT_EQ(bites, 0);
}

}  // namespace
}  // namespace echogw::ctl
