// The new process's side of a handover: what it gets from the process whose place it takes.
//
// That process may end at any time. If it had not aborted the handover, this one serves what it has
// received by then: nobody else would.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/net/inherited_listener.h"
#include "server/base/socket_lock.h"
#include "server/config/config_loader.h"
#include "server/handover/channel.h"
#include "server/log/event_log.h"
#include "server/pool/handover.h"

namespace echogw::server {

// What arrives until this process is told to serve.
struct Taken {
  PoolState state;
  std::vector<SlotConnections> connections;
  std::vector<Event> events;
  std::uint64_t last_event = 0;
  // Levels that an operator has set; empty: as configured.
  std::string log_level_console;
  std::string log_level_file;
  // The other process has died before it handed over everything.
  bool orphaned = false;
};

class Predecessor {
 public:
  // Receives what comes before this process starts. Main thread. Refuses what does not fit, once it
  // is known who asks.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Predecessor>> Meet(UniqueFd channel);
  Predecessor(const Predecessor&) = delete;
  Predecessor& operator=(const Predecessor&) = delete;
  ~Predecessor() { StopFollowing(); }

  // "process 4711 (0.1.0)".
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint32_t reactors_configured() const { return offer_.reactors_configured(); }
  [[nodiscard]] const PoolSockets& sockets() const { return sockets_; }
  // The listeners among them that the service manager had passed. They stay open.
  [[nodiscard]] absl::StatusOr<std::vector<InheritedListener>> passed() const;
  // Sockets of the control plane of this kind and name: whether there are any; and to own them.
  [[nodiscard]] bool Has(handover::Socket::Kind kind, const std::string& name) const;
  [[nodiscard]] std::vector<UniqueFd> Take(handover::Socket::Kind kind, const std::string& name);
  // The lock of a unix socket; null if the other process has none.
  [[nodiscard]] std::unique_ptr<SocketLock> TakeLock(handover::Socket::Kind kind,
                                                     const std::string& path);

  // This process cannot start: the other one serves on. Ends this process, without destructors that
  // would remove files which the other one uses.
  [[noreturn]] void Refuse(const std::string& reason);

  // Reports that this process has started, and waits to be told to serve. Ends the process as
  // Refuse does if the handover is aborted.
  [[nodiscard]] Taken AwaitCommit(const LoadedConfig& loaded,
                                  const std::vector<std::string>& addresses_dropped, LogSink& log);
  // This process serves. From here on `count(slot, counters)` is called, on a thread, with what the
  // other process counts for connections that stayed with it, until it ends. `last` is what it had
  // counted in `Taken`.
  void Follow(std::vector<CounterSnapshot> last,
              std::function<void(std::uint32_t, const CounterSnapshot&)> count);
  void StopFollowing();

 private:
  explicit Predecessor(Channel channel) : channel_(std::move(channel)) {}
  [[nodiscard]] absl::Status ReceiveSockets();
  // Ids of those that cannot be served are added to `refused`.
  void TakeConnections(ReceivedFrame& received, Taken& taken, handover::Prepared& refused);
  // The pool has duplicates of what it serves. What nobody serves here must not stay open.
  void ReleaseSockets();
  void TakeState(const handover::State& from, const Limits& configured, Taken& taken) const;
  // For a predecessor that has died before it sent any.
  [[nodiscard]] PoolState DefaultState(const Limits& limits) const;
  void Send(const handover::Frame& frame);

  Channel channel_;
  handover::Offer offer_;
  std::string name_;
  PoolSockets sockets_;
  struct Control {
    handover::Socket about;
    UniqueFd fd;
  };
  std::vector<Control> control_;
  std::thread follower_;
};

}  // namespace echogw::server
