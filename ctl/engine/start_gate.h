// StartGate: lets the threads of a load start their traffic at one time, once each has opened its
// connections. All calls are safe on any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "ctl/engine/options.h"

namespace echogw::ctl::load {

class StartGate {
 public:
  // Opens when `threads` have arrived.
  explicit StartGate(std::size_t threads) : missing_(threads) {}
  StartGate(const StartGate&) = delete;
  StartGate& operator=(const StartGate&) = delete;

  // Blocks until all have arrived, and returns the one time at which the gate opened.
  LoadTime ArriveAndWait() {
    std::unique_lock lock(mutex_);
    Arrive(1);
    opened_.wait(lock, [this] { return missing_ == 0; });
    return opened_at_;
  }

  // Counts `threads` that will never come as arrived.
  void Abandon(std::size_t threads) {
    const std::lock_guard lock(mutex_);
    Arrive(threads);
  }

  // False when `timeout` passed first.
  bool WaitOpen(std::chrono::nanoseconds timeout) {
    std::unique_lock lock(mutex_);
    return opened_.wait_for(lock, timeout, [this] { return missing_ == 0; });
  }

 private:
  void Arrive(std::size_t threads) {
    missing_ -= threads;
    if (missing_ > 0) return;
    opened_at_ = LoadClock::now();
    opened_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable opened_;
  std::size_t missing_;
  LoadTime opened_at_;
};

}  // namespace echogw::ctl::load
