// SpinningWait: waits for events by polling without blocking for a while before it blocks. Work
// that comes within that while meets a thread that is awake, which saves falling asleep, the
// interrupt that wakes another CPU, and the way back.
//
// Polling pays only while work keeps coming that soon, so it stops when most of the last tries
// found nothing. It starts again when waits that blocked turn out short, or when a try, made once
// in a while, finds work.
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
  // One of so many waits polls even while it does not pay.
  static constexpr std::uint32_t kTryEvery = 32;

  struct Result {
    std::size_t events = 0;
    Nanos spun = 0;  // of the time of the wait, the part spent polling in vain, after a first look
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
  // A bit for each of the last tries, set if work came within the budget. The first ones are a
  // gift.
  std::uint16_t recent_ = UINT16_MAX;
  std::uint32_t waits_blocked_ = 0;  // since the last try
};

}  // namespace echogw
