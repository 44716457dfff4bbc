// Monotonic time and CPU time, handed in so that tests decide what time it is.
#pragma once

#include <sys/resource.h>
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

// Of a thread, since it began.
struct ThreadUse {
  Nanos ran = 0;             // CPU time, in user mode and in the kernel
  std::uint64_t sleeps = 0;  // times that it gave up its CPU to wait for something
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
    // The times of getrusage are as old as the last tick of the kernel, its counts are not.
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
