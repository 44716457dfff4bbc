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
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    slots_[slot] = counters;
  }
  void SetIdsGiven(std::uint32_t slot, std::uint64_t ids) {
    const MutexLock lock(mutex_);
    if (slot >= ids_given_.size()) ids_given_.resize(slot + 1);
    ids_given_[slot] = ids;
  }
  [[nodiscard]] std::uint64_t IdsGiven(std::uint32_t slot) const {
    const MutexLock lock(mutex_);
    return slot < ids_given_.size() ? ids_given_[slot] : 0;
  }
  void AddTo(std::uint32_t slot, CounterSnapshot& counters) const {
    const MutexLock lock(mutex_);
    if (slot < slots_.size()) counters += slots_[slot];
  }
  // Open connections of another process.
  [[nodiscard]] std::uint64_t Connections() const {
    const MutexLock lock(mutex_);
    std::uint64_t connections = 0;
    for (const CounterSnapshot& slot : slots_) connections += slot.connections_active;
    return connections;
  }

 private:
  mutable Mutex mutex_;
  std::vector<CounterSnapshot> slots_ ECHOGW_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> ids_given_ ECHOGW_GUARDED_BY(mutex_);
};

}  // namespace echogw::server
