// Goal: timers run in the order of their times, and at once when fired; periodic ones until they
// are cancelled. Method: times far apart
// or past, so that no test depends on how long anything takes.
#include "server/base/timer_thread.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "gtest/gtest.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// What has run, in order.
class Record {
 public:
  void Add(const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_ += name;
    changed_.notify_all();
  }
  std::string AwaitCount(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, seconds(20), [&] { return names_.size() >= count; });
    return names_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string names_;
};

TEST(TimerThreadTest, RunsInTheOrderOfTimes) {
  Record record;
  TimerThread timers;
  const auto now = steady_clock::now();
  timers.At(now + milliseconds(60), [&] { record.Add("c"); });
  timers.At(now + milliseconds(30), [&] { record.Add("b"); });
  timers.At(now - hours(1), [&] { record.Add("a"); });
  EXPECT_EQ(record.AwaitCount(3), "abc");
  EXPECT_GE(steady_clock::now(), now + milliseconds(60));
}

TEST(TimerThreadTest, NothingRunsAfterAStop) {
  Record record;
  TimerThread timers;
  const auto every = timers.Every(milliseconds(1), [&] { record.Add("x"); });
  EXPECT_NE(record.AwaitCount(1), "");
  timers.Stop();
  const std::string before = record.AwaitCount(0);
  timers.At(steady_clock::now(), [&] { record.Add("y"); });
  timers.Cancel(every);
  timers.Stop();
  EXPECT_EQ(record.AwaitCount(0), before);
}

TEST(TimerThreadTest, ATimerThatIsFiredRunsOnce) {
  Record record;
  TimerThread timers;
  const auto late = steady_clock::now() + hours(1);
  timers.At(late, [&] { record.Add("x"); });
  const auto timer = timers.At(late, [&] { record.Add("h"); });
  timers.FireNow(timer);
  EXPECT_EQ(record.AwaitCount(1), "h");
  timers.FireNow(timer);
  timers.FireNow(timer + 100);
  timers.At(steady_clock::now(), [&] { record.Add("n"); });
  EXPECT_EQ(record.AwaitCount(2), "hn");
}

TEST(TimerThreadTest, ATimerMaySetTheNext) {
  Record record;
  TimerThread timers;
  timers.At(steady_clock::now(), [&] {
    record.Add("1");
    timers.FireNow(timers.At(steady_clock::now() + hours(1), [&] { record.Add("2"); }));
  });
  EXPECT_EQ(record.AwaitCount(2), "12");
}

TEST(TimerThreadTest, APeriodicTimerRunsUntilItIsCancelled) {
  Record record;
  TimerThread timers;
  const auto timer = timers.Every(milliseconds(1), [&] { record.Add("p"); });
  record.AwaitCount(3);
  timers.Cancel(timer);
  const std::size_t before = record.AwaitCount(3).size();
  timers.FireNow(timer);
  timers.At(steady_clock::now() + milliseconds(5), [&] { record.Add("e"); });
  EXPECT_EQ(record.AwaitCount(before + 1), std::string(before, 'p') + "e");
}

TEST(TimerThreadTest, WhatIsNotDueAtTheEndIsNotRun) {
  Record record;
  {
    TimerThread timers;
    timers.At(steady_clock::now() + hours(1), [&] { record.Add("x"); });
  }
  record.Add("e");
  EXPECT_EQ(record.AwaitCount(1), "e");
}

}  // namespace
}  // namespace echogw::server
