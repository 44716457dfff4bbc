// The timers of one reactor's connections, at most one for each slot of its table: a wheel of
// wheels, so that to set, to move, to cancel and to end a timer costs the same whatever their
// number.
//
// Time is cut into ticks. A timer lies in the list of the largest unit (64^level ticks) in which
// its tick differs from the present one, and comes down when that unit begins: at most kLevels
// times in its life. A timer that is cancelled leaves nothing behind, so memory is bounded by the
// table.
//
// Belongs to the reactor's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "reactor/base/clock.h"

namespace echogw {

class TimerWheel {
 public:
  // A timer ends up to so much late, never early. 8.4 ms.
  static constexpr Nanos kTick = Nanos{1} << 23U;

  TimerWheel();

  // Sets the timer of `index`, or moves it. One that is due already ends with the next tick.
  void Schedule(std::uint32_t index, Nanos due);
  // Harmless if there is none.
  void Cancel(std::uint32_t index) noexcept;
  // Cancels all and gives their memory back.
  void Clear();

  // Ends what is due at `now`, which never goes back. To be called when NextAt has come, and before
  // Schedule after a time without timers.
  void Advance(Nanos now) noexcept;
  // One of those that ended, in any order, until there is none. It may be set anew at once.
  [[nodiscard]] std::optional<std::uint32_t> PopEnded() noexcept;

  // When Advance has something to do: no later than the first timer ends. kNever without timers.
  [[nodiscard]] Nanos NextAt() const noexcept;

  [[nodiscard]] bool IsScheduled(std::uint32_t index) const noexcept {
    return index < nodes_.size() && nodes_[index].next != kUnlinked;
  }
  // Timers, with those that have ended and were not popped.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;
  // 64^6 ticks are 18 years of uptime.
  static constexpr unsigned kLevels = 6;
  static constexpr std::uint64_t kTickMax = (std::uint64_t{1} << (kBits * kLevels)) - 1;
  static constexpr std::uint32_t kEndOfList = UINT32_MAX;
  static constexpr std::uint32_t kUnlinked = UINT32_MAX - 1;
  static constexpr std::size_t kEnded = std::size_t{kLevels} * kSlots;  // the list of those

  struct Node {
    std::uint32_t next = kUnlinked;
    std::uint32_t previous = kEndOfList;
    std::uint64_t due = 0;  // tick
  };
  struct Place {
    unsigned level = 0;
    unsigned slot = 0;
    [[nodiscard]] std::size_t list() const noexcept { return std::size_t{level} * kSlots + slot; }
  };

  [[nodiscard]] static std::uint64_t TickAfter(Nanos due) noexcept;
  // Of a tick that is yet to come. It stays the same until its unit begins.
  [[nodiscard]] Place PlaceOf(std::uint64_t due) const noexcept;
  // Of the first list that is not empty; requires one.
  [[nodiscard]] Place FirstPlace() const noexcept;
  [[nodiscard]] std::uint64_t BeginOf(Place place) const noexcept;
  void Push(std::uint32_t index, std::size_t list) noexcept;
  void Link(std::uint32_t index) noexcept;

  std::vector<Node> nodes_;  // by index
  std::array<std::uint32_t, kEnded + 1> heads_{};
  std::array<std::uint64_t, kLevels> occupied_{};  // a bit for each list that is not empty
  std::uint64_t now_ = 0;                          // tick
  std::size_t size_ = 0;
};

}  // namespace echogw
