// Waits for a condition instead of for a time: looks again and again until it holds or a deadline
// that only a hung test reaches.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace echogw {

inline constexpr std::chrono::seconds kTestDeadline{20};

// True as soon as `holds()` is true; false when the deadline passes first.
template <typename Predicate>
[[nodiscard]] bool WaitUntil(Predicate holds, std::chrono::nanoseconds deadline = kTestDeadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

// The longest of at most five waits; the first that lasts for `enough` is the last. `wait` returns
// how long it took. The kernel interrupts a wait at times, to clean up a ring of io_uring that was
// only tried: one that is too short says nothing, five do.
template <typename Wait>
[[nodiscard]] std::chrono::nanoseconds LongestWait(std::chrono::nanoseconds enough, Wait wait) {
  std::chrono::nanoseconds longest{0};
  for (int attempt = 0; attempt < 5 && longest < enough; ++attempt) {
    longest = std::max(longest, std::chrono::nanoseconds(wait()));
  }
  return longest;
}

}  // namespace echogw
