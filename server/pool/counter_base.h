// What the processes before this one counted in each slot, with the connections that the last of
// them still serves: part of what readers of the counters get; and the ids that they gave. Any
// thread.
#pragma once

#include <cstdint>
#include <vector>

#include "reactor/base/mutex.h"
#include "reactor/stats/counters.h"

namespace echogw::server {

class CounterBase {
 public:
  void Set(std::uint32_t slot, const CounterSnapshot& counters) {
    const MutexLock lock(mutex_);
    At(slot).counters = counters;
  }
  void SetIdsGiven(std::uint32_t slot, std::uint64_t ids) {
    const MutexLock lock(mutex_);
    At(slot).ids_given = ids;
  }
  [[nodiscard]] std::uint64_t IdsGiven(std::uint32_t slot) const {
    const MutexLock lock(mutex_);
    return slot < slots_.size() ? slots_[slot].ids_given : 0;
  }
  void AddTo(std::uint32_t slot, CounterSnapshot& counters) const {
    const MutexLock lock(mutex_);
    if (slot < slots_.size()) counters += slots_[slot].counters;
  }
  // Open connections of another process.
  [[nodiscard]] std::uint64_t Connections() const {
    const MutexLock lock(mutex_);
    std::uint64_t connections = 0;
    for (const Slot& slot : slots_) connections += slot.counters.connections_active;
    return connections;
  }

 private:
  struct Slot {
    CounterSnapshot counters;
    std::uint64_t ids_given = 0;
  };
  Slot& At(std::uint32_t slot) ECHOGW_REQUIRES(mutex_) {
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    return slots_[slot];
  }

  mutable Mutex mutex_;
  std::vector<Slot> slots_ ECHOGW_GUARDED_BY(mutex_);
};

}  // namespace echogw::server
