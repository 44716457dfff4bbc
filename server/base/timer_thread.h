// Runs functions at times of the monotonic clock, on a thread of its own. gRPC's alarms and
// abseil's locks wait by the wall clock: set back by an hour, they are an hour late. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "reactor/base/mutex.h"

namespace echogw::server {

class TimerThread {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Interval = std::chrono::steady_clock::duration;

  TimerThread();
  // Waits for a function that is running; what is not due by then never runs.
  ~TimerThread();

  // Runs `run` once at `when`, or soon if that is past. It must not block: other timers wait for
  // it. Returns the number of the timer, never 0.
  std::uint64_t At(Time when, std::function<void()> run);

  // Runs `run` repeatedly, `interval` after the end of the previous run.
  std::uint64_t Every(Interval interval, std::function<void()> run);

  // Makes a timer due now. No effect if it is running or over.
  void FireNow(std::uint64_t timer);

  // Waits for a function that is running; none runs after it. At and Cancel may still be called.
  void Stop();

  // On return it is not running and never runs again. Not from a timer. No effect if over, or 0.
  void Cancel(std::uint64_t timer);

 private:
  struct Timer {
    std::function<void()> run;
    Interval every{};  // 0: once
  };

  std::uint64_t Add(Time when, Timer timer);
  void Run();

  Mutex mutex_;
  CondVar changed_;
  bool stop_ ECHOGW_GUARDED_BY(mutex_) = false;
  std::uint64_t last_ ECHOGW_GUARDED_BY(mutex_) = 0;
  std::map<std::pair<Time, std::uint64_t>, Timer> waiting_ ECHOGW_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Time> time_of_ ECHOGW_GUARDED_BY(mutex_);
  // The timer whose function is running, 0 for none, and the one being cancelled meanwhile.
  std::uint64_t running_ ECHOGW_GUARDED_BY(mutex_) = 0;
  std::uint64_t cancelled_ ECHOGW_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace echogw::server
