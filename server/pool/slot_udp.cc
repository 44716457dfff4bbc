// What slots have to do with UDP.
#include <utility>

#include "reactor/net/udp_socket.h"
#include "server/pool/slot.h"

namespace echogw::server {

// A UDP socket takes its place in the group when it is bound, so slot i has index i because slots
// are made in their order. One of a slot that does not serve yet keeps what comes in its queue.
absl::Status SlotSet::MakeUdpSockets(Slot& slot, std::uint32_t index) {
  for (std::size_t a = slot.udp_sockets.size(); a < udp_addresses_.size(); ++a) {
    ListenAddress& address = udp_addresses_[a];
    if (index == 0 && !options_.allow_shared_port) {
      if (absl::Status s = CheckUdpPortIsFree(address); !s.ok()) return s;
    }
    auto fd = BindUdp(address, options_.udp_options);
    if (!fd.ok()) return fd.status();
    if (absl::Status s = CheckWatchable(fd->get()); !s.ok()) return s;
    if (index == 0) {
      auto real = LocalAddress(fd->get(), address.dual_stack);
      if (!real.ok()) return real.status();
      address = *real;
    }
    slot.udp_sockets.push_back(*std::move(fd));
  }
  return absl::OkStatus();
}

std::vector<UdpSocketStats> SlotSet::UdpStats(std::uint32_t slot) const {
  std::vector<UdpSocketStats> out;
  const Slot& s = *slots_[slot];
  for (std::size_t a = 0; a < s.udp_sockets.size(); ++a) {
    const UdpQueue queue = ReadUdpQueue(s.udp_sockets[a].get());
    out.push_back({.address = udp_addresses_[a].ToString(),
                   .slot = slot,
                   .owner = s.owner,
                   .queue_bytes = queue.bytes,
                   .queue_limit_bytes = queue.limit_bytes,
                   .drops = queue.drops});
  }
  return out;
}

std::vector<std::string> SlotSet::udp_addresses() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> out;
  for (const ListenAddress& address : udp_addresses_) out.push_back(address.ToString());
  return out;
}

}  // namespace echogw::server
