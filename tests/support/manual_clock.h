// A clock that only a test advances.
#pragma once

#include <atomic>

#include "reactor/base/clock.h"

namespace echogw {

// Any thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Nanos now = 1000 * kNanosPerSecond) : now_(now) {}

  [[nodiscard]] Nanos Now() noexcept override { return now_.load(std::memory_order_acquire); }
  void Advance(Nanos by) { now_.fetch_add(by, std::memory_order_acq_rel); }
  // The same for every thread.
  [[nodiscard]] ThreadUse Use() noexcept override {
    return {ran_.load(std::memory_order_acquire), sleeps_.load(std::memory_order_acquire)};
  }
  void Run(Nanos by) { ran_.fetch_add(by, std::memory_order_acq_rel); }
  void Sleep() { sleeps_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  // Writer: the test. Readers: reactors, possibly on threads. Acquire and release make the test's
  // earlier writes visible.
  std::atomic<Nanos> now_;
  std::atomic<Nanos> ran_{0};             // likewise
  std::atomic<std::uint64_t> sleeps_{0};  // likewise
};

}  // namespace echogw
