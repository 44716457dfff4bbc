// The slots of a pool. A slot has, for the life of the process: a number, a place in the reuseport
// group of every listen address and every UDP address, a mailbox, and counters. A reactor runs in
// it, or it is parked and another reactor accepts for its listeners and reads its UDP sockets.
// These are never closed while the gateway serves: what is in their queues would be lost.
//
// Methods are for the control thread, but for those marked "any thread". A lock guards what these
// read; the control thread takes it to write.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/clock.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/unique_fd.h"
#include "reactor/connection/connection_limiter.h"
#include "reactor/mailbox.h"
#include "reactor/net/inherited_listener.h"
#include "reactor/net/socket.h"
#include "reactor/net/socket_io.h"
#include "reactor/net/udp_socket.h"
#include "reactor/options.h"
#include "reactor/reactor.h"
#include "reactor/reactor_thread.h"
#include "reactor/stats/counters.h"
#include "server/pool/control.h"

namespace echogw::server {

struct PoolOptions {
  std::uint32_t reactors = 1;
  // Slot i is pinned to cpus[i % size]; empty: no pinning.
  std::vector<int> cpus;
  // For every reactor; id and cpu are filled in per slot.
  ReactorOptions reactor;
  std::vector<ListenAddress> listen;
  ListenOptions listen_options;
  // Where datagrams are echoed; may be empty.
  std::vector<ListenAddress> listen_udp;
  UdpOptions udp_options;
  // Sockets for addresses of `listen`, any number for each, in the order of their listen(): those
  // of the first slots. Their descriptors must outlive the pool, which uses duplicates.
  std::vector<InheritedListener> inherited;
  // False: the kernel's hash picks the listener, as where the program cannot be attached.
  bool steering = true;
  // False: refuse to start on a port that another socket has, even with SO_REUSEPORT.
  bool allow_shared_port = false;
  // Of addresses with TLS; outlives the pool. Null if there are none.
  TlsContext* tls = nullptr;
  // Connections get descriptors below this; the rest is left to the control plane.
  int descriptor_ceiling = INT_MAX;
  // A fault for tests: a retired reactor closes its listeners instead of parking them, which loses
  // connections. It shows that whoever looks for lost connections finds them.
  bool fault_close_listeners = false;
};

// A share of new connections that neither favours nor spares a reactor.
inline constexpr std::uint32_t kNeutralShare = 10;

class SlotSet {
 public:
  SlotSet(const PoolOptions& options, LogSink& log);
  SlotSet(const SlotSet&) = delete;
  SlotSet& operator=(const SlotSet&) = delete;
  // All reactors must be joined.
  ~SlotSet();

  // Makes the slots 0 to count-1 where they do not exist yet: binds and listens on every address.
  // All or nothing. With port 0 the first slot's port is what all later ones bind to. Inherited
  // listeners make at least as many slots as there are of them for one address: their queues fill
  // whether or not a reactor runs there.
  [[nodiscard]] absl::Status Make(std::uint32_t count);

  // Starts a reactor in a parked slot, without listeners yet. Its state is kStarting.
  [[nodiscard]] absl::Status Start(std::uint32_t slot);
  // Tells the reactor to stop; Join waits for it and parks the slot.
  void BeginStop(std::uint32_t slot);
  void Join(std::uint32_t slot);
  // Closes the listeners of a parked slot, the highest first: a hole would be filled by the last
  // member of the group, and slots would no longer be indexes. For the fault and the end; Make
  // opens them again.
  void Close(std::uint32_t slot);

  // False only if the mailbox is full or the slot parked. Any thread, as are the next three.
  [[nodiscard]] bool Post(std::uint32_t slot, Command&& command);
  // The slot must not be parked. Waits while the mailbox is full: that is for a moment, because its
  // reader never stops reading.
  void PostBlocking(std::uint32_t slot, Command command);
  [[nodiscard]] Mailbox* mailbox(std::uint32_t slot) const;
  [[nodiscard]] EventRing& events(std::uint32_t slot) const;
  [[nodiscard]] Reports& reports() { return reports_; }
  // A number that no other command has.
  [[nodiscard]] std::uint64_t NextCommandId() { return next_command_id_.fetch_add(1); }

  // The listeners and UDP sockets of a slot, one per address, as commands carry them.
  [[nodiscard]] std::vector<Listener> ListenersOf(std::uint32_t slot) const;
  // Which reactor accepts for a slot's listeners and reads its UDP sockets.
  [[nodiscard]] std::uint32_t owner(std::uint32_t slot) const;
  void SetOwner(std::uint32_t slot, std::uint32_t owner);

  [[nodiscard]] ReactorState state(std::uint32_t slot) const;  // any thread
  void SetState(std::uint32_t slot, ReactorState state);
  [[nodiscard]] std::vector<std::uint32_t> InState(ReactorState state) const;  // any thread
  // All that are not parked. Any thread.
  [[nodiscard]] std::vector<std::uint32_t> Running() const;
  [[nodiscard]] std::uint32_t count() const;  // any thread

  // What the operator set; 1 unless set.
  [[nodiscard]] std::uint32_t weight(std::uint32_t slot) const;  // any thread
  void SetWeight(std::uint32_t slot, std::uint32_t weight);
  // All at once: nobody steers by a part of them. Any thread, one at a time.
  void SetWeights(const std::vector<SteeringWeight>& weights);
  // A factor on top of the weight, by the automatic rebalancing.
  void SetShare(std::uint32_t slot, std::uint32_t share);

  // Steers new connections to the serving slots by weight and share, and datagrams by weight: a
  // share changes often, and with every change some flows change hands. If the kernel refuses, its
  // hash is in force for good and steering_active is false. Any thread may call it; one at a time.
  void ApplySteering();
  [[nodiscard]] bool steering_active() const;  // any thread

  // Whether some address has one listener for all reactors, whose connections are assigned round
  // robin.
  [[nodiscard]] bool shares_listeners() const;  // any thread
  // Who gets these at present: the serving slots by weight and share. Any thread.
  [[nodiscard]] AssignConnections MakeAssignment();

  // Every listener answers no SYN from here on, or answers again.
  [[nodiscard]] absl::Status SetSynDrop(bool drop);

  // In force, for reactors that start later too. Any thread, as the next one.
  [[nodiscard]] Limits limits() const;
  // Tells every reactor. Returns the ids of the commands: each is answered by a slice in `replies`.
  [[nodiscard]] std::vector<std::uint64_t> SetLimits(const Limits& limits, PendingReplies& replies);
  [[nodiscard]] ConnectionLimiter& limiter() { return limiter_; }

  [[nodiscard]] CounterSnapshot Read(std::uint32_t slot) const;  // any thread
  [[nodiscard]] std::vector<ReactorStats> Stats() const;         // any thread
  [[nodiscard]] std::vector<std::string> addresses() const;      // any thread
  [[nodiscard]] std::vector<std::string> udp_addresses() const;  // any thread
  [[nodiscard]] std::uint64_t AcceptedFromAdopted() const;       // any thread
  [[nodiscard]] std::uint64_t Accepted() const;                  // any thread
  [[nodiscard]] std::uint64_t Active() const;                    // any thread

 private:
  struct Slot {
    Counters counters;
    EventRing events;
    std::unique_ptr<Mailbox> mailbox;
    // One per address. A unix socket has a listener in slot 0 alone; elsewhere none is open.
    std::vector<UniqueFd> listeners;
    std::vector<UniqueFd> udp_sockets;  // one per UDP address
    std::unique_ptr<Reactor> reactor;
    std::unique_ptr<ReactorThread> thread;
    ReactorState state = ReactorState::kParked;
    int cpu = -1;
    std::uint32_t owner = 0;
    std::uint32_t weight = 1;
    std::uint32_t share = kNeutralShare;
    // The most that a reader was told of the two counters that can fall.
    std::uint64_t told_sent_bytes = 0;
    std::uint64_t told_writes = 0;
  };

  // Requires mutex_. What an engine counts before it knows (UringEngine::Enter) and takes back is
  // never seen to fall: a counter that does is taken for one that began anew.
  [[nodiscard]] static CounterSnapshot ReadCounters(Slot& slot);

  [[nodiscard]] absl::StatusOr<std::unique_ptr<Slot>> MakeSlot(std::uint32_t index);
  // Of the slot for the address; null if it has to bind its own.
  [[nodiscard]] const InheritedListener* Inherited(std::uint32_t slot,
                                                   const ListenAddress& address) const;
  [[nodiscard]] absl::StatusOr<UniqueFd> MakeListener(std::uint32_t slot,
                                                      const ListenAddress& address) const;
  // Binds what the slot lacks. Requires mutex_, or that nobody else has the slot.
  [[nodiscard]] absl::Status MakeUdpSockets(Slot& slot, std::uint32_t index);
  [[nodiscard]] std::vector<UdpSocketStats> UdpStats(std::uint32_t slot) const;  // requires mutex_
  [[nodiscard]] absl::Status CheckWatchable(int fd) const;
  [[nodiscard]] absl::Status Reopen(Slot& slot);  // requires mutex_
  [[nodiscard]] Slot& At(std::uint32_t slot) const { return *slots_[slot]; }
  // Of slots that serve; 0 of others. Requires mutex_.
  [[nodiscard]] std::vector<std::uint32_t> EffectiveWeights(bool with_share) const;
  [[nodiscard]] absl::Status AttachAll() const;  // requires mutex_

  const PoolOptions options_;
  LogSink& log_;
  DescriptorBudget budget_;
  KernelSocketIo io_{&budget_};
  ConnectionLimiter limiter_;
  SystemClock clock_;
  Reports reports_;
  // Writers: any thread that makes a command. Only uniqueness counts.
  std::atomic<std::uint64_t> next_command_id_{1};

  mutable std::mutex mutex_;
  // Under mutex_; real ports once slot 0 exists.
  std::vector<ListenAddress> addresses_;
  std::vector<ListenAddress> udp_addresses_;
  std::vector<std::unique_ptr<Slot>> slots_;  // under mutex_: the shape, not what reactors do
  bool steering_active_ = false;              // under mutex_
  Limits limits_;                             // under mutex_
  std::uint64_t assignment_version_ = 0;      // under mutex_
  std::vector<std::string> unix_files_;       // under mutex_; made here, and removed at the end
};

}  // namespace echogw::server
