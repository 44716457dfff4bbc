// Polls without blocking for a while before it blocks. Work that arrives in that time finds the
// thread awake, which saves the sleep, the interrupt that wakes another CPU, and the wake-up.
//
// Polling pays only while work keeps arriving that soon, so it stops when most recent attempts
// found nothing. It starts again when blocking waits turn out short, or when an occasional attempt
// finds work.
//
// Belongs to its reactor's thread. Nothing here fails.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/base/clock.h"
#include "reactor/poll/poller.h"

namespace echogw {

class SpinningWait {
 public:
  // One in this many waits polls even while that does not pay.
  static constexpr std::uint32_t kTryEvery = 32;

  struct Result {
    std::size_t events = 0;
    Nanos spun = 0;  // the part of the wait spent polling without result, after the first look
  };

  // Looks once, then polls for at most `budget` in a wait; 0: never.
  explicit SpinningWait(Nanos budget) : budget_(budget) {}

  [[nodiscard]] bool enabled() const noexcept { return budget_ > 0; }
  // Whether waits poll at present.
  [[nodiscard]] bool pays() const noexcept { return std::popcount(recent_) >= kPaying; }

  // As Poller::Wait. `now` is when the wait begins.
  [[nodiscard]] Result Wait(Poller& poller, Clock& clock, std::span<epoll_event> events, Nanos now,
                            Nanos timeout) noexcept;

 private:
  // Of the last 16.
  static constexpr int kPaying = 8;

  void Note(bool within_budget) noexcept {
    recent_ = static_cast<std::uint16_t>((unsigned{recent_} << 1U) | (within_budget ? 1U : 0U));
  }

  const Nanos budget_;
  // A bit for each recent attempt, set if work arrived within the budget. Initially all are set.
  std::uint16_t recent_ = UINT16_MAX;
  std::uint32_t waits_blocked_ = 0;  // since the last attempt
};

}  // namespace echogw
