// What others read of the slots: counters, listeners and addresses.
#include <algorithm>
#include <utility>

#include "server/pool/slot.h"

namespace echogw::server {

CounterSnapshot SlotSet::ReadCounters(Slot& slot) {
  CounterSnapshot out = slot.counters.Read();
  out.sent_bytes = slot.told_sent_bytes = std::max(out.sent_bytes, slot.told_sent_bytes);
  out.writes = slot.told_writes = std::max(out.writes, slot.told_writes);
  return out;
}

CounterSnapshot SlotSet::Read(std::uint32_t slot) const {
  const std::scoped_lock lock(mutex_);
  return ReadCounters(At(slot));
}

std::vector<ReactorStats> SlotSet::Stats() const {
  const std::scoped_lock lock(mutex_);
  std::vector<ReactorStats> out(slots_.size());
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = *slots_[i];
    out[i].id = i;
    out[i].cpu = slot.cpu;
    out[i].state = slot.state;
    out[i].counters = ReadCounters(slot);
    out[i].steering_weight = slot.weight;
    for (std::size_t a = 0; a < slot.listeners.size(); ++a) {
      if (!slot.listeners[a].valid()) continue;
      const ListenerQueue queue = ReadListenerQueue(slot.listeners[a].get());
      out[slot.owner].listeners.push_back({.address = addresses_[a].ToString(),
                                           .slot = i,
                                           .owner = slot.owner,
                                           .accept_queue = queue.depth,
                                           .accept_queue_limit = queue.limit,
                                           .drops = queue.drops});
    }
    for (UdpSocketStats& socket : UdpStats(i)) {
      out[slot.owner].udp_sockets.push_back(std::move(socket));
    }
  }
  return out;
}

std::vector<std::string> SlotSet::addresses() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> out;
  for (const ListenAddress& address : addresses_) out.push_back(address.Spec());
  return out;
}

std::uint64_t SlotSet::AcceptedFromAdopted() const {
  const std::scoped_lock lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& slot : slots_) sum += slot->counters.accepted_from_adopted.value();
  return sum;
}

std::uint64_t SlotSet::Accepted() const {
  const std::scoped_lock lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& slot : slots_) {
    sum += slot->counters.connections_accepted.value();
    for (const Counter& rejected : slot->counters.connections_rejected) sum += rejected.value();
  }
  return sum;
}

std::uint64_t SlotSet::Active() const {
  const std::scoped_lock lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& slot : slots_) sum += slot->counters.connections_active.value();
  return sum;
}

}  // namespace echogw::server
