#include "server/pool/taken_sockets.h"

#include <algorithm>

namespace echogw::server {

std::vector<std::string> ConfiguredNames(const std::vector<ListenAddress>& addresses) {
  std::vector<std::string> out;
  for (const ListenAddress& address : addresses) out.push_back(address.ToString());
  return out;
}

const SlotSocket* FindTaken(const PoolOptions& options, std::uint32_t slot, std::size_t address,
                            bool datagrams) {
  if (options.taken == nullptr) return nullptr;
  // An address may be there twice with port 0: the second one here is the second one there.
  const auto ours = ConfiguredNames(datagrams ? options.listen_udp : options.listen);
  const auto& theirs = datagrams ? options.taken->listen_udp : options.taken->listen;
  const std::string& name = ours[address];
  const auto before =
      std::count(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(address), name);
  std::ptrdiff_t seen = 0;
  for (std::size_t a = 0; a < theirs.size(); ++a) {
    if (theirs[a] != name || seen++ != before) continue;
    const auto& sockets = options.taken->sockets;
    const auto found = std::find_if(sockets.begin(), sockets.end(), [&](const SlotSocket& s) {
      return s.slot == slot && s.address_index == a && s.datagrams == datagrams;
    });
    return found == sockets.end() ? nullptr : &*found;
  }
  return nullptr;
}

std::vector<std::string> UnknownAddresses(const PoolOptions& options, const PoolSockets& sockets) {
  std::vector<std::string> out;
  for (const bool datagrams : {false, true}) {
    const auto ours = ConfiguredNames(datagrams ? options.listen_udp : options.listen);
    for (const std::string& name : datagrams ? sockets.listen_udp : sockets.listen) {
      if (std::ranges::count(ours, name) == 0) out.push_back(name);
    }
  }
  return out;
}

}  // namespace echogw::server
