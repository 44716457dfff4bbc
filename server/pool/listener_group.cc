#include "server/pool/listener_group.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/net/steering.h"
#include "server/pool/listener_setup.h"
#include "server/pool/taken_sockets.h"

namespace echogw::server {
namespace {

bool SameAddress(const ListenAddress& a, const ListenAddress& b) {
  return a.host == b.host && a.port == b.port;
}

}  // namespace

ListenerGroup::ListenerGroup(const PoolOptions& options)
    : options_(options), addresses_(options.listen), udp_addresses_(options.listen_udp) {}

ListenerGroup::~ListenerGroup() {
  for (const std::string& path : unix_files_) ::unlink(path.c_str());
}

const InheritedListener* ListenerGroup::Inherited(std::uint32_t slot,
                                                  const ListenAddress& address) const {
  std::uint32_t seen = 0;
  for (const InheritedListener& listener : options_.inherited) {
    if (SameAddress(listener.address, address) && seen++ == slot) return &listener;
  }
  return nullptr;
}

std::uint32_t ListenerGroup::SlotsFor(std::uint32_t reactors) const {
  const MutexLock lock(mutex_);
  for (const ListenAddress& address : addresses_) {
    while (Inherited(reactors, address) != nullptr) ++reactors;
  }
  return reactors;
}

absl::StatusOr<UniqueFd> ListenerGroup::Bind(std::uint32_t slot, std::size_t index,
                                             const ListenAddress& address) const {
  if (const SlotSocket* taken = FindTaken(options_, slot, index, false))
    return Duplicate(taken->fd);
  if (const InheritedListener* given = Inherited(slot, address)) {
    return AdoptListener(*given, options_.listen_options);
  }
  if (slot == 0 && !options_.allow_shared_port) {
    absl::Status s = CheckPortIsFree(address);
    if (absl::IsAlreadyExists(s)) {
      return absl::AlreadyExistsError(
          absl::StrCat(s.message(), "; choose another port, or share it: --allow-shared-port on"));
    }
    if (!s.ok()) return s;
  }
  auto fd = BindListener(address, options_.listen_options);
  if (fd.ok() || Inherited(0, address) == nullptr) return fd;
  // Only sockets of one user may share a port, and the service manager's may be another user's.
  return absl::Status(
      fd.status().code(),
      absl::StrCat("reactor ", slot, " got none of the sockets passed for ", address.ToString(),
                   " and cannot listen beside them: ", std::string(fd.status().message())));
}

absl::StatusOr<UniqueFd> ListenerGroup::BindDatagrams(std::uint32_t slot, std::size_t index,
                                                      const ListenAddress& address) const {
  if (const SlotSocket* taken = FindTaken(options_, slot, index, true)) return Duplicate(taken->fd);
  if (slot == 0 && !options_.allow_shared_port) {
    if (absl::Status s = CheckUdpPortIsFree(address); !s.ok()) return s;
  }
  return BindUdp(address, options_.udp_options);
}

absl::Status ListenerGroup::Fill(Place& place, std::uint32_t slot) {
  auto add = [&](absl::StatusOr<UniqueFd> fd, ListenAddress& address,
                 std::vector<UniqueFd>& sockets) -> absl::Status {
    if (!fd.ok()) return fd.status();
    if (absl::Status s = CheckWatchable(options_.reactor.poller, fd->get()); !s.ok()) return s;
    if (slot == 0 && !address.is_unix()) {
      if (absl::Status s = ReadPort(*fd, address); !s.ok()) return s;
    }
    sockets.push_back(*std::move(fd));
    return absl::OkStatus();
  };
  for (std::size_t a = place.listeners.size(); a < addresses_.size(); ++a) {
    ListenAddress& address = addresses_[a];
    if (address.is_unix() && slot > 0) {
      place.listeners.emplace_back();
      continue;
    }
    if (address.takes_last_port) address.port = addresses_[a - 1].port;
    auto fd = Bind(slot, a, address);
    if (fd.ok() && address.is_unix()) unix_files_.push_back(address.unix_path);
    if (absl::Status s = add(std::move(fd), address, place.listeners); !s.ok()) return s;
  }
  // A UDP socket takes its place in the group when it is bound, so slots are filled in order.
  for (std::size_t a = place.udp_sockets.size(); a < udp_addresses_.size(); ++a) {
    ListenAddress& address = udp_addresses_[a];
    if (address.takes_last_port) address.port = udp_addresses_[a - 1].port;
    absl::Status s = add(BindDatagrams(slot, a, address), address, place.udp_sockets);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ListenerGroup::ListenFrom(const Place& place, std::uint32_t slot,
                                       std::size_t first) const {
  for (std::size_t a = first; a < addresses_.size(); ++a) {
    if (!place.listeners[a].valid()) continue;
    // A socket that was taken listens, and another process uses it until this one serves.
    if (FindTaken(options_, slot, a, false) != nullptr) continue;
    absl::Status s = Listen(place.listeners[a].get(), options_.listen_options, addresses_[a]);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ListenerGroup::ApplyOptions() const {
  const MutexLock lock(mutex_);
  for (const Place& place : places_) {
    for (std::size_t a = 0; a < place.listeners.size(); ++a) {
      if (!place.listeners[a].valid()) continue;
      absl::Status s =
          ApplyListenOptions(place.listeners[a].get(), addresses_[a], options_.listen_options);
      if (!s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

absl::Status ListenerGroup::Make(std::uint32_t count) {
  const MutexLock lock(mutex_);
  const auto first = static_cast<std::uint32_t>(places_.size());
  for (std::uint32_t slot = 0; slot < std::min(first, count); ++slot) {
    Place& place = places_[slot];
    const std::size_t had = place.listeners.size();
    absl::Status s = Fill(place, slot);
    if (s.ok()) s = ListenFrom(place, slot, had);
    if (s.ok()) continue;
    place.listeners.resize(had);
    return s;
  }
  std::vector<Place> made;
  for (std::uint32_t slot = first; slot < count; ++slot) {
    made.push_back({.owner = slot});
    if (absl::Status s = Fill(made.back(), slot); !s.ok()) return s;
  }
  // The order of listen() is the order in the group.
  for (std::uint32_t slot = first; slot < count; ++slot) {
    if (absl::Status s = ListenFrom(made[slot - first], slot, 0); !s.ok()) return s;
  }
  std::move(made.begin(), made.end(), std::back_inserter(places_));
  return absl::OkStatus();
}

absl::StatusOr<PoolSockets> ListenerGroup::Share() const {
  const MutexLock lock(mutex_);
  PoolSockets out{.slots = static_cast<std::uint32_t>(places_.size()),
                  .listen = ConfiguredNames(options_.listen),
                  .listen_udp = ConfiguredNames(options_.listen_udp)};
  for (std::uint32_t slot = 0; slot < places_.size(); ++slot) {
    const Place& place = places_[slot];
    for (const bool datagrams : {false, true}) {
      const auto& sockets = datagrams ? place.udp_sockets : place.listeners;
      for (std::uint32_t a = 0; a < sockets.size(); ++a) {
        if (!sockets[a].valid()) continue;
        auto copy = Duplicate(sockets[a]);
        if (!copy.ok()) return copy.status();
        out.sockets.push_back(
            {.fd = *std::move(copy),
             .slot = slot,
             .address_index = a,
             .datagrams = datagrams,
             .inherited = !datagrams && Inherited(slot, addresses_[a]) != nullptr});
      }
    }
  }
  return out;
}

void ListenerGroup::Release(const std::vector<std::string>& kept) {
  const MutexLock lock(mutex_);
  const auto names = ConfiguredNames(options_.listen);
  for (Place& place : places_) {
    for (std::size_t a = 0; a < place.listeners.size(); ++a) {
      if (std::ranges::count(kept, names[a]) == 0) {
        place.listeners[a].Reset();
      } else if (place.listeners[a].valid() && !addresses_[a].is_unix()) {
        // What is in its queue by now, and handshakes in progress, are still served.
        (void)AttachSynDrop(place.listeners[a].get());
      } else if (addresses_[a].is_unix()) {
        ::unlink(addresses_[a].unix_path.c_str());  // whoever connects now is refused
      }
    }
    place.udp_sockets.clear();
  }
  std::erase_if(unix_files_, [&](const std::string& path) {
    return std::ranges::count(kept, absl::StrCat("unix:", path)) == 0;
  });
}

std::uint64_t ListenerGroup::Waiting() const {
  const MutexLock lock(mutex_);
  std::uint64_t waiting = 0;
  for (const Place& place : places_) {
    for (const UniqueFd& listener : place.listeners) {
      if (listener.valid()) waiting += ReadListenerQueue(listener.get()).depth;
    }
  }
  return waiting;
}

void ListenerGroup::Close(std::uint32_t slot) {
  const MutexLock lock(mutex_);
  Place& place = places_[slot];
  for (std::size_t a = 0; a < place.listeners.size(); ++a) {
    if (Inherited(slot, addresses_[a]) != nullptr) ReleaseListener(place.listeners[a].get());
  }
  place.listeners.clear();
  place.udp_sockets.clear();
}

std::vector<Listener> ListenerGroup::ListenersOf(std::uint32_t slot) const {
  const MutexLock lock(mutex_);
  std::vector<Listener> out;
  const Place& place = places_[slot];
  for (std::size_t a = 0; a < place.listeners.size(); ++a) {
    if (!place.listeners[a].valid()) continue;
    out.push_back({.fd = place.listeners[a].get(),
                   .slot = slot,
                   .address_index = static_cast<std::uint16_t>(a),
                   .service = addresses_[a].service,
                   .shared = addresses_[a].is_unix(),
                   .inherited = Inherited(slot, addresses_[a]) != nullptr});
  }
  for (std::size_t a = 0; a < place.udp_sockets.size(); ++a) {
    out.push_back({.fd = place.udp_sockets[a].get(),
                   .slot = slot,
                   .address_index = static_cast<std::uint16_t>(a),
                   .datagrams = true,
                   .port = udp_addresses_[a].port});
  }
  return out;
}

std::uint32_t ListenerGroup::owner(std::uint32_t slot) const {
  const MutexLock lock(mutex_);
  return places_[slot].owner;
}

void ListenerGroup::SetOwner(std::uint32_t slot, std::uint32_t owner) {
  const MutexLock lock(mutex_);
  places_[slot].owner = owner;
}

void ListenerGroup::ReplaceOwner(std::uint32_t from, const std::vector<std::uint32_t>& to) {
  const MutexLock lock(mutex_);
  for (std::size_t slot = 0; slot < places_.size(); ++slot) {
    if (places_[slot].owner == from) places_[slot].owner = to[slot % to.size()];
  }
}

// A program names members by their place in the group. With those of another process in it, the
// places of ours are not known, and a program would leave theirs without clients.
absl::Status ListenerGroup::CheckOwnGroups() const {
  const auto check = [](std::size_t ours, int member, const ListenAddress& address) {
    return GroupSizeOf(member) <= ours ? absl::OkStatus()
                                       : absl::FailedPreconditionError(absl::StrCat(
                                             "another process shares ", address.ToString()));
  };
  for (std::size_t a = 0; a < addresses_.size(); ++a) {
    if (addresses_[a].is_unix()) continue;
    const auto ours = std::count_if(places_.begin(), places_.end(),
                                    [a](const Place& p) { return a < p.listeners.size(); });
    absl::Status s =
        check(static_cast<std::size_t>(ours), places_[0].listeners[a].get(), addresses_[a]);
    if (!s.ok()) return s;
  }
  for (std::size_t a = 0; a < udp_addresses_.size(); ++a) {
    const auto ours = std::count_if(places_.begin(), places_.end(),
                                    [a](const Place& p) { return a < p.udp_sockets.size(); });
    absl::Status s =
        check(static_cast<std::size_t>(ours), places_[0].udp_sockets[a].get(), udp_addresses_[a]);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ListenerGroup::Attach(std::span<const std::uint32_t> weights,
                                   std::span<const std::uint32_t> flow_weights) const {
  for (std::size_t a = 0; a < addresses_.size(); ++a) {
    if (addresses_[a].is_unix()) continue;
    const int listener = places_[0].listeners[a].get();
    if (absl::Status s = AttachSteering(listener, weights); !s.ok()) return s;
  }
  for (const UniqueFd& socket : places_[0].udp_sockets) {
    if (absl::Status s = AttachFlowSteering(socket.get(), flow_weights); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ListenerGroup::Steer(std::span<const std::uint32_t> weights,
                                  std::span<const std::uint32_t> flow_weights) const {
  const MutexLock lock(mutex_);
  absl::Status status = CheckOwnGroups();
  if (status.ok()) status = Attach(weights, flow_weights);
  if (status.ok()) return status;
  // A program that cannot be detached names slots whose sockets some reactor reads anyway.
  for (const auto* sockets : {&places_[0].listeners, &places_[0].udp_sockets}) {
    for (const UniqueFd& socket : *sockets) (void)DetachSteering(socket.get());
  }
  return status;
}

absl::Status ListenerGroup::SetSynDrop(bool drop) const {
  const MutexLock lock(mutex_);
  for (const Place& place : places_) {
    for (std::size_t a = 0; a < place.listeners.size(); ++a) {
      // There is no SYN, or the socket is another process's by now.
      if (addresses_[a].is_unix() || !place.listeners[a].valid()) continue;
      const int listener = place.listeners[a].get();
      if (!drop) {
        DetachFilter(listener);
      } else if (absl::Status s = AttachSynDrop(listener); !s.ok()) {
        return s;
      }
    }
  }
  return absl::OkStatus();
}

bool ListenerGroup::shares_listeners() const {
  return std::any_of(options_.listen.begin(), options_.listen.end(),
                     [](const ListenAddress& address) { return address.is_unix(); });
}

void ListenerGroup::AddStats(std::vector<ReactorStats>& reactors) const {
  const MutexLock lock(mutex_);
  for (std::uint32_t slot = 0; slot < places_.size(); ++slot) {
    const Place& place = places_[slot];
    if (place.owner >= reactors.size()) continue;  // made since `reactors` was read
    ReactorStats& owner = reactors[place.owner];
    for (std::size_t a = 0; a < place.listeners.size(); ++a) {
      if (!place.listeners[a].valid()) continue;
      const ListenerQueue queue = ReadListenerQueue(place.listeners[a].get());
      owner.listeners.push_back({.address = addresses_[a].ToString(),
                                 .slot = slot,
                                 .owner = place.owner,
                                 .accept_queue = queue.depth,
                                 .accept_queue_limit = queue.limit,
                                 .drops = queue.drops});
    }
    for (std::size_t a = 0; a < place.udp_sockets.size(); ++a) {
      const UdpQueue queue = ReadUdpQueue(place.udp_sockets[a].get());
      owner.udp_sockets.push_back({.address = udp_addresses_[a].ToString(),
                                   .slot = slot,
                                   .owner = place.owner,
                                   .queue_bytes = queue.bytes,
                                   .queue_limit_bytes = queue.limit_bytes,
                                   .drops = queue.drops});
    }
  }
}

std::vector<std::string> ListenerGroup::addresses() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> out;
  for (const ListenAddress& address : addresses_) out.push_back(address.Spec());
  return out;
}

std::vector<std::string> ListenerGroup::udp_addresses() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> out;
  for (const ListenAddress& address : udp_addresses_) out.push_back(address.ToString());
  return out;
}

}  // namespace echogw::server
