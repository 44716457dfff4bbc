// Ends a stream that is silent for too long: gRPC's deadline covers its whole life. Owns a thread;
// used by the thread that reads the stream.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "ctl/base/duration.h"

namespace echogw::ctl {

class Watchdog {
 public:
  // Calls `bite` once, on its own thread, when `limit` passes without Feed() or Stop().
  Watchdog(Duration limit, std::function<void()> bite)
      : limit_(limit),
        bite_(std::move(bite)),
        due_(Clock::now() + limit),
        thread_([this] { Run(); }) {}
  ~Watchdog() {
    Stop();
    thread_.join();
  }

  // Restarts the limit. The thread wakes at the old time and sees the new one.
  void Feed() {
    const std::lock_guard lock(mutex_);
    due_ = Clock::now() + limit_;
  }
  // Calls `is_alive` on its own thread from here on when the limit passes; `bite` if it is false.
  void AskBefore(std::function<bool()> is_alive) {
    const std::lock_guard lock(mutex_);
    is_alive_ = std::move(is_alive);
  }
  void Stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool has_bitten() const {
    const std::lock_guard lock(mutex_);
    return bitten_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      if (Clock::now() < due_) {
        changed_.wait_until(lock, due_);
        continue;
      }
      if (is_alive_) {
        const auto is_alive = is_alive_;
        lock.unlock();
        const bool alive = is_alive();
        lock.lock();
        if (stopped_) return;
        due_ = Clock::now() + limit_;
        if (alive) continue;
      }
      bitten_ = true;
      bite_();
      return;
    }
  }

  const Duration limit_;
  const std::function<void()> bite_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_.
  Clock::time_point due_;
  bool stopped_ = false;
  bool bitten_ = false;
  std::function<bool()> is_alive_;
  std::thread thread_;
};

}  // namespace echogw::ctl
