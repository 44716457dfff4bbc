// The timers of a reactor's connections, at most one per slot of its table: a hierarchical timer
// wheel, so that setting, moving, cancelling and firing a timer takes constant time.
//
// A timer is in the list of the largest unit (64^level ticks) in which its tick differs from the
// current one, and moves to a lower level when that unit begins: at most kLevels times. A cancelled
// timer leaves nothing behind, so memory is bounded by the table.
//
// Reactor's thread.
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
  // A timer fires up to one tick late, never early. 8.4 ms.
  static constexpr Nanos kTick = Nanos{1} << 23U;

  TimerWheel();

  // Sets or moves the timer of `index`. A timer that is already due fires with the next tick.
  void Schedule(std::uint32_t index, Nanos due);
  // Does nothing if there is none.
  void Cancel(std::uint32_t index) noexcept;
  // Cancels all and frees their memory.
  void Clear();

  // Fires what is due at `now`, which never decreases. Call it at NextAt, and before the first
  // Schedule after a time without timers.
  void Advance(Nanos now) noexcept;
  // One of the timers that fired, in any order, until there is none. It may be set again at once.
  [[nodiscard]] std::optional<std::uint32_t> PopEnded() noexcept;

  // When Advance has work to do, no later than the first timer; kNever without timers.
  [[nodiscard]] Nanos NextAt() const noexcept;

  [[nodiscard]] bool IsScheduled(std::uint32_t index) const noexcept {
    return index < nodes_.size() && nodes_[index].next != kUnlinked;
  }
  // Timers, including those that fired and were not popped.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;
  // 64^6 ticks are 18 years of uptime.
  static constexpr unsigned kLevels = 6;
  static constexpr std::uint64_t kTickMax = (std::uint64_t{1} << (kBits * kLevels)) - 1;
  static constexpr std::uint32_t kEndOfList = UINT32_MAX;
  static constexpr std::uint32_t kUnlinked = UINT32_MAX - 1;
  static constexpr std::size_t kEnded = std::size_t{kLevels} * kSlots;  // list of fired timers

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
  // Of a future tick. It does not change until its unit begins.
  [[nodiscard]] Place PlaceOf(std::uint64_t due) const noexcept;
  // The first list that is not empty; there must be one.
  [[nodiscard]] Place FirstPlace() const noexcept;
  [[nodiscard]] std::uint64_t BeginOf(Place place) const noexcept;
  void Push(std::uint32_t index, std::size_t list) noexcept;
  void Link(std::uint32_t index) noexcept;

  std::vector<Node> nodes_;  // by index
  std::array<std::uint32_t, kEnded + 1> heads_{};
  std::array<std::uint64_t, kLevels> occupied_{};  // one bit per list that is not empty
  std::uint64_t now_ = 0;                          // tick
  std::size_t size_ = 0;
};

}  // namespace echogw
