// Monotonic time and CPU time, handed in so that tests decide what time it is.
#pragma once

#include <time.h>

#include <cstdint>

namespace echogw {

// Nanoseconds on CLOCK_MONOTONIC. A plain integer, because it is stored in every connection and
// compared in every turn of the loop.
using Nanos = std::int64_t;

inline constexpr Nanos kNanosPerMilli = 1'000'000;
inline constexpr Nanos kNanosPerCenti = 10'000'000;
inline constexpr Nanos kNanosPerSecond = 1'000'000'000;
// Later than anything.
inline constexpr Nanos kNever = INT64_MAX;

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual Nanos Now() noexcept = 0;
  // What the calling thread has run for since it began, in user mode and in the kernel.
  [[nodiscard]] virtual Nanos ThreadCpu() noexcept = 0;
};

// The machine's clock. Any thread.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Nanos Now() noexcept override { return Read(CLOCK_MONOTONIC); }
  [[nodiscard]] Nanos ThreadCpu() noexcept override { return Read(CLOCK_THREAD_CPUTIME_ID); }

 private:
  static Nanos Read(clockid_t clock) noexcept {
    timespec t{};
    ::clock_gettime(clock, &t);
    return t.tv_sec * kNanosPerSecond + t.tv_nsec;
  }
};

}  // namespace echogw
