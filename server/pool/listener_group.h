// The sockets of the slots: listeners in the order of their reuseport groups, and UDP sockets. Slot
// i has index i in every group, so the steering program can name it. A socket stays open while the
// gateway serves, because closing it would lose what is in its queue; the listeners of a parked
// slot are accepted by another reactor, their owner. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/mutex.h"
#include "reactor/base/unique_fd.h"
#include "reactor/command.h"
#include "server/pool/control.h"
#include "server/pool/options.h"

namespace echogw::server {

class ListenerGroup {
 public:
  // `options` outlives it.
  explicit ListenerGroup(const PoolOptions& options);
  ListenerGroup(const ListenerGroup&) = delete;
  ListenerGroup& operator=(const ListenerGroup&) = delete;
  // Removes the files of unix sockets.
  ~ListenerGroup();

  // The slots to make for `reactors` reactors: inherited listeners need one each, because their
  // queues fill whether or not a reactor runs there.
  [[nodiscard]] std::uint32_t SlotsFor(std::uint32_t reactors) const;

  // Binds and listens for slots 0 to count-1 where sockets are missing. New slots: all or nothing.
  // With port 0, slot 0 determines the port of all others.
  [[nodiscard]] absl::Status Make(std::uint32_t count);
  // Duplicates of all sockets, for another process; without the number of reactors.
  [[nodiscard]] absl::StatusOr<PoolSockets> Share() const;
  // Another process has taken the sockets, except listeners at the addresses `kept` (by their text
  // in PoolSockets): closes the others here, and leaves the files of unix sockets. The kernel sends
  // nothing new to those that are kept.
  void Release(const std::vector<std::string>& kept);
  // Sockets that were taken from another process get the options of this one's configuration.
  [[nodiscard]] absl::Status ApplyOptions() const;
  // Connections that wait in the queues of all listeners.
  [[nodiscard]] std::uint64_t Waiting() const;
  // Closes the sockets of a parked slot. Slots must be closed from the highest down: the kernel
  // fills a gap with the last member of the group. Make opens them again.
  void Close(std::uint32_t slot);

  // As commands carry them.
  [[nodiscard]] std::vector<Listener> ListenersOf(std::uint32_t slot) const;
  // The reactor that accepts from a slot's listeners and reads its UDP sockets.
  [[nodiscard]] std::uint32_t owner(std::uint32_t slot) const;
  void SetOwner(std::uint32_t slot, std::uint32_t owner);
  // Every slot owned by `from` passes to one of `to`, as HandOverListeners distributes them.
  void ReplaceOwner(std::uint32_t from, const std::vector<std::uint32_t>& to);

  // Attaches the steering programs, or detaches them if one is refused.
  [[nodiscard]] absl::Status Steer(std::span<const std::uint32_t> weights,
                                   std::span<const std::uint32_t> flow_weights) const;
  // Makes every listener drop SYNs, or accept them again.
  [[nodiscard]] absl::Status SetSynDrop(bool drop) const;

  // Whether an address has a single listener for all reactors (unix sockets).
  [[nodiscard]] bool shares_listeners() const;
  // Adds each socket to its owner's statistics.
  void AddStats(std::vector<ReactorStats>& reactors) const;
  // With real ports.
  [[nodiscard]] std::vector<std::string> addresses() const;
  [[nodiscard]] std::vector<std::string> udp_addresses() const;

 private:
  struct Place {
    // One per address. A unix socket has a listener in slot 0 only; other slots hold an empty one.
    std::vector<UniqueFd> listeners;
    std::vector<UniqueFd> udp_sockets;  // one per UDP address
    std::uint32_t owner = 0;
  };

  // The inherited listener of the slot for the address; null if the slot has to bind its own.
  [[nodiscard]] const InheritedListener* Inherited(std::uint32_t slot,
                                                   const ListenAddress& address) const;
  [[nodiscard]] absl::StatusOr<UniqueFd> Bind(std::uint32_t slot, std::size_t index,
                                              const ListenAddress& address) const;
  [[nodiscard]] absl::StatusOr<UniqueFd> BindDatagrams(std::uint32_t slot, std::size_t index,
                                                       const ListenAddress& address) const;
  // Binds the sockets that the place lacks.
  [[nodiscard]] absl::Status Fill(Place& place, std::uint32_t slot) ECHOGW_REQUIRES(mutex_);
  // Listens on the place's listeners from address `first` on.
  [[nodiscard]] absl::Status ListenFrom(const Place& place, std::uint32_t slot,
                                        std::size_t first) const ECHOGW_REQUIRES(mutex_);
  [[nodiscard]] absl::Status CheckOwnGroups() const ECHOGW_REQUIRES(mutex_);
  [[nodiscard]] absl::Status Attach(std::span<const std::uint32_t> weights,
                                    std::span<const std::uint32_t> flow_weights) const
      ECHOGW_REQUIRES(mutex_);

  const PoolOptions& options_;
  mutable Mutex mutex_;
  // Real ports once slot 0 exists.
  std::vector<ListenAddress> addresses_ ECHOGW_GUARDED_BY(mutex_);
  std::vector<ListenAddress> udp_addresses_ ECHOGW_GUARDED_BY(mutex_);
  std::vector<Place> places_ ECHOGW_GUARDED_BY(mutex_);
  std::vector<std::string> unix_files_ ECHOGW_GUARDED_BY(mutex_);
};

}  // namespace echogw::server
