// Keeps the last descriptors of the process for others. One per process, shared by everything that
// accepts connections. Any thread.
//
// The kernel returns the lowest free descriptor, so the number of a new one tells how many are
// open. Atomics are relaxed: they publish no other memory, and a thread that sees a change late
// opens one descriptor more.
#pragma once

#include <atomic>
#include <climits>

namespace echogw {

class FdBudget {
 public:
  // An io_uring accepts as many connections at once as it has room for completions, 1024, and one
  // more for each listener (measured on Linux 6.18 with 1500 clients waiting).
  static constexpr int kPrefetchBurst = 1100;

  // Descriptors from `ceiling` on are left to others. `burst`: how many connections an engine may
  // accept before it can ask again.
  explicit FdBudget(int ceiling = INT_MAX, int burst = kPrefetchBurst)
      : ceiling_(ceiling), burst_(burst) {}

  // False once a descriptor at or above the ceiling was opened, until a lower one is free.
  // `any_open` is any open descriptor.
  [[nodiscard]] bool HasRoom(int any_open) noexcept {
    return !at_ceiling_.load(std::memory_order_relaxed) || ProbeRoom(any_open);
  }
  // A connection was accepted with this descriptor.
  void Note(int fd) noexcept {
    if (fd >= ceiling_) [[unlikely]]
      at_ceiling_.store(true, std::memory_order_relaxed);
    const bool crowded = fd >= ceiling_ - Bursts();
    if (crowded != crowded_.load(std::memory_order_relaxed)) [[unlikely]]
      crowded_.store(crowded, std::memory_order_relaxed);
  }

  // An engine that prefetches connections registers itself, and prefetches only while it may: while
  // a burst of every engine at once stays below the ceiling and takes at most half of it.
  void AddEngine() noexcept { engines_.fetch_add(1, std::memory_order_relaxed); }
  void RemoveEngine() noexcept { engines_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] bool MayPrefetch() const noexcept {
    return !crowded_.load(std::memory_order_relaxed) && Bursts() <= ceiling_ / 2;
  }

 private:
  [[nodiscard]] int Bursts() const noexcept {
    return engines_.load(std::memory_order_relaxed) * burst_;
  }
  [[nodiscard]] bool ProbeRoom(int any_open) noexcept;

  const int ceiling_;
  const int burst_;
  std::atomic<bool> at_ceiling_{false};
  std::atomic<bool> crowded_{false};  // the bursts of all engines might reach the ceiling
  std::atomic<int> engines_{0};
};

}  // namespace echogw
