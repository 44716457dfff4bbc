// Waits for a condition instead of for a time: looks again and again until it holds or a deadline
// that only a hung test reaches.
#pragma once

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

}  // namespace echogw
