#include "ctl/cli/watchdog.h"

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
    if (std::chrono::steady_clock::now() >= due_) {
      bitten_ = true;
      bite_();
      return;
    }
    changed_.wait_until(lock, due_);
  }
}

}  // namespace echogw::ctl
