#include "reactor/base/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace echogw {

TimerWheel::TimerWheel() { heads_.fill(kEndOfList); }

std::uint64_t TimerWheel::TickAfter(Nanos due) noexcept {
  const auto tick = static_cast<std::uint64_t>(std::max<Nanos>(due, 0));
  constexpr auto kSize = static_cast<std::uint64_t>(kTick);
  return std::min(tick / kSize + (tick % kSize != 0 ? 1 : 0), kTickMax);
}

TimerWheel::Place TimerWheel::PlaceOf(std::uint64_t due) const noexcept {
  const auto level = (static_cast<unsigned>(std::bit_width(due ^ now_)) - 1) / kBits;
  return {level, static_cast<unsigned>(due >> (kBits * level)) % kSlots};
}

TimerWheel::Place TimerWheel::FirstPlace() const noexcept {
  // Timers in lower levels are due earlier.
  unsigned level = 0;
  while (occupied_[level] == 0) ++level;
  return {level, static_cast<unsigned>(std::countr_zero(occupied_[level]))};
}

std::uint64_t TimerWheel::BeginOf(Place place) const noexcept {
  const std::uint64_t above = now_ >> (kBits * (place.level + 1));
  return ((above << kBits) | place.slot) << (kBits * place.level);
}

void TimerWheel::Push(std::uint32_t index, std::size_t list) noexcept {
  Node& node = nodes_[index];
  node.next = heads_[list];
  node.previous = kEndOfList;
  if (node.next != kEndOfList) nodes_[node.next].previous = index;
  heads_[list] = index;
}

void TimerWheel::Link(std::uint32_t index) noexcept {
  const Place place = PlaceOf(nodes_[index].due);
  Push(index, place.list());
  occupied_[place.level] |= std::uint64_t{1} << place.slot;
}

void TimerWheel::Schedule(std::uint32_t index, Nanos due) {
  Cancel(index);
  if (index >= nodes_.size()) nodes_.resize(std::size_t{index} + 1);
  nodes_[index].due = std::max(TickAfter(due), now_ + 1);
  Link(index);
  ++size_;
}

void TimerWheel::Cancel(std::uint32_t index) noexcept {
  if (!IsScheduled(index)) return;
  Node& node = nodes_[index];
  if (node.next != kEndOfList) nodes_[node.next].previous = node.previous;
  if (node.previous != kEndOfList) {
    nodes_[node.previous].next = node.next;
  } else if (node.due <= now_) {
    heads_[kEnded] = node.next;
  } else {
    const Place place = PlaceOf(node.due);
    heads_[place.list()] = node.next;
    if (node.next == kEndOfList) occupied_[place.level] &= ~(std::uint64_t{1} << place.slot);
  }
  node.next = kUnlinked;
  --size_;
}

void TimerWheel::Clear() {
  nodes_.clear();
  nodes_.shrink_to_fit();
  heads_.fill(kEndOfList);
  occupied_.fill(0);
  size_ = 0;
}

void TimerWheel::Advance(Nanos now) noexcept {
  const std::uint64_t target = std::min(static_cast<std::uint64_t>(now / kTick), kTickMax);
  while (std::any_of(occupied_.begin(), occupied_.end(), [](auto bits) { return bits != 0; })) {
    const Place place = FirstPlace();
    const std::uint64_t begin = BeginOf(place);
    if (begin > target) break;
    now_ = begin;
    occupied_[place.level] &= ~(std::uint64_t{1} << place.slot);
    std::uint32_t index = heads_[place.list()];
    heads_[place.list()] = kEndOfList;
    while (index != kEndOfList) {
      const std::uint32_t next = nodes_[index].next;
      if (nodes_[index].due <= now_) {
        Push(index, kEnded);
      } else {
        Link(index);
      }
      index = next;
    }
  }
  now_ = std::max(now_, target);
}

std::optional<std::uint32_t> TimerWheel::PopEnded() noexcept {
  const std::uint32_t index = heads_[kEnded];
  if (index == kEndOfList) return std::nullopt;
  Cancel(index);
  return index;
}

Nanos TimerWheel::NextAt() const noexcept {
  if (size_ == 0) return kNever;
  if (heads_[kEnded] != kEndOfList) return static_cast<Nanos>(now_) * kTick;
  return static_cast<Nanos>(BeginOf(FirstPlace())) * kTick;
}

}  // namespace echogw
