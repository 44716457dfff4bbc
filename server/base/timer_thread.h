// Runs functions at times of the monotonic clock, on a thread of its own. gRPC's alarms wait by the
// wall clock, as abseil's locks do: set back by an hour, they are an hour late. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace echogw::server {

class TimerThread {
 public:
  using Time = std::chrono::steady_clock::time_point;

  TimerThread();
  TimerThread(const TimerThread&) = delete;
  TimerThread& operator=(const TimerThread&) = delete;
  // Returns when what runs is over; what is not due by then is never run.
  ~TimerThread();

  // Runs `run` at `when`, soon if that is past. It should not take long: others wait for it.
  // The number of this timer, never 0.
  std::uint64_t At(Time when, std::function<void()> run);

  // It is due now. Harmless once it is running or over.
  void FireNow(std::uint64_t timer);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;       // under mutex_
  std::uint64_t last_ = 0;  // under mutex_
  // Under mutex_: by time, and what the time of a timer is.
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> waiting_;
  std::map<std::uint64_t, Time> time_of_;
  std::thread thread_;
};

}  // namespace echogw::server
