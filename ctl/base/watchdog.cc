#include "ctl/base/watchdog.h"

#include <chrono>
#include <utility>

namespace echogw::ctl {

Watchdog::Watchdog(Duration limit, std::function<void()> bite)
    : limit_(limit),
      bite_(std::move(bite)),
      due_(std::chrono::steady_clock::now() + limit),
      thread_([this] { Run(); }) {}

Watchdog::~Watchdog() {
  Stop();
  thread_.join();
}

void Watchdog::Feed() {
  const std::lock_guard lock(mutex_);
  // The thread wakes at the old time and sees the new one.
  due_ = std::chrono::steady_clock::now() + limit_;
}

void Watchdog::AskBefore(std::function<bool()> is_alive) {
  const std::lock_guard lock(mutex_);
  is_alive_ = std::move(is_alive);
}

void Watchdog::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool Watchdog::has_bitten() const {
  const std::lock_guard lock(mutex_);
  return bitten_;
}

void Watchdog::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (std::chrono::steady_clock::now() < due_) {
      changed_.wait_until(lock, due_);
      continue;
    }
    if (is_alive_) {
      const auto is_alive = is_alive_;
      lock.unlock();
      const bool alive = is_alive();
      lock.lock();
      if (stopped_) return;
      due_ = std::chrono::steady_clock::now() + limit_;
      if (alive) continue;
    }
    bitten_ = true;
    bite_();
    return;
  }
}

}  // namespace echogw::ctl
