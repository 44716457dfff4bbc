// What a reactor's loop does now, and since when. Its counters hold only what has ended: an idle
// reactor may have waited for hours since. One writer, the reactor's thread; any thread reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "reactor/base/clock.h"

namespace echogw {

class LoopActivity {
 public:
  struct Current {
    bool waits = false;  // for events; else it works
    Nanos since = 0;
  };

  // Before the counters take what ended: who reads them first and this afterwards never finds a
  // time in both.
  void Waits(Nanos since) noexcept { Set(static_cast<std::uint64_t>(since) << 1U | 1U); }
  void Works(Nanos since) noexcept { Set(static_cast<std::uint64_t>(since) << 1U); }
  void Ends() noexcept { Set(0); }

  // None if no loop runs.
  [[nodiscard]] std::optional<Current> Read() const noexcept {
    const std::uint64_t value = value_.load(std::memory_order_relaxed);
    if (value == 0) return std::nullopt;
    return Current{(value & 1U) != 0, static_cast<Nanos>(value >> 1U)};
  }

 private:
  void Set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }

  // The time, shifted by one, and whether it waits; 0: it does not run.
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace echogw
