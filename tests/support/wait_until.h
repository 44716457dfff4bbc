// Polls a condition until it holds, or until a deadline that only a hung test reaches.
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

// The longest of at most five waits, stopping at the first of at least `enough`. `wait` returns its
// duration. The kernel may interrupt a single wait when it removes an io_uring that a test created.
template <typename Wait>
[[nodiscard]] std::chrono::nanoseconds LongestWait(std::chrono::nanoseconds enough, Wait wait) {
  std::chrono::nanoseconds longest{0};
  for (int attempt = 0; attempt < 5 && longest < enough; ++attempt) {
    longest = std::max(longest, std::chrono::nanoseconds(wait()));
  }
  return longest;
}

}  // namespace echogw
