// Monotonic time and CPU time behind an interface, so that tests control them.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <chrono>
#include <cstdint>

namespace echogw {

// Nanoseconds on CLOCK_MONOTONIC, or a duration. A plain integer, because every turn compares it.
using Nanos = std::int64_t;

inline constexpr Nanos kNanosPerMilli = 1'000'000;
inline constexpr Nanos kNanosPerCenti = 10'000'000;
inline constexpr Nanos kNanosPerSecond = 1'000'000'000;
inline constexpr Nanos kNever = INT64_MAX;  // later than any time

// Since the epoch of its clock: of steady_clock, which is CLOCK_MONOTONIC in libstdc++, as
// Clock::Now.
template <typename TimePoint>
[[nodiscard]] Nanos ToNanos(TimePoint time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// Resources a thread has used since its start.
struct ThreadUse {
  Nanos ran = 0;             // CPU time, in user mode and in the kernel
  std::uint64_t sleeps = 0;  // voluntary context switches
};

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual Nanos Now() noexcept = 0;
  // Of the calling thread.
  [[nodiscard]] virtual ThreadUse Use() noexcept = 0;
};

// The machine's clock. Any thread.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Nanos Now() noexcept override { return Read(CLOCK_MONOTONIC); }
  [[nodiscard]] ThreadUse Use() noexcept override {
    // The times of getrusage are only as recent as the last kernel tick; its counts are exact.
    rusage use{};
    ::getrusage(RUSAGE_THREAD, &use);
    return {Read(CLOCK_THREAD_CPUTIME_ID), static_cast<std::uint64_t>(use.ru_nvcsw)};
  }

 private:
  static Nanos Read(clockid_t clock) noexcept {
    timespec t{};
    ::clock_gettime(clock, &t);
    return t.tv_sec * kNanosPerSecond + t.tv_nsec;
  }
};

}  // namespace echogw
