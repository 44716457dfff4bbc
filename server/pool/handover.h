// What a pool hands to the process that takes its place, as values, and the interface to that
// process. The protocol between the two is in server/handover/.
//
// Both processes hold the same sockets: the order of the reuseport groups, their steering programs
// and the connections in their queues stay as they are. A connection is served by one of the two.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/command.h"
#include "reactor/limits.h"
#include "reactor/stats/counters.h"
#include "server/pool/control.h"

namespace echogw::server {

// A listener or UDP socket of a slot.
struct SlotSocket {
  UniqueFd fd;
  std::uint32_t slot = 0;
  std::uint32_t address_index = 0;  // in PoolSockets::listen, or in listen_udp
  bool datagrams = false;
  bool inherited = false;  // passed by the service manager
};

struct PoolSockets {
  std::uint32_t slots = 0;
  std::uint32_t reactors = 0;  // those of the slots 0 to reactors - 1 run
  // As configured, with port 0 where the kernel chose it.
  std::vector<std::string> listen;
  std::vector<std::string> listen_udp;
  std::vector<SlotSocket> sockets;
};

struct SlotState {
  CounterSnapshot counters;
  ReactorState state = ReactorState::kParked;
  std::uint32_t owner = 0;  // of its listeners
  std::uint32_t weight = 1;
  bool retiring = false;
  std::uint64_t ids_given = 0;  // numbers of connections; see ReactorOptions
};

struct PoolState {
  std::vector<SlotState> slots;
  Limits limits;
  bool auto_rebalance = false;
  RebalancePolicy policy = RebalancePolicy::kConnections;
  std::vector<Operation> operations;  // oldest first
  Lineage lineage;
  Nanos quiesced_at = 0;        // since then nobody accepts or serves; on the monotonic clock
  std::uint64_t operation = 0;  // the one that hands over
};

// The result of an upgrade, as both processes report it.
[[nodiscard]] std::string UpgradeMessage(const std::string& successor, std::uint64_t connections,
                                         std::chrono::nanoseconds pause);

// Connections in transit, with the slot whose reactor had them.
struct SlotConnections {
  std::uint32_t slot = 0;
  std::vector<MovedConnection> connections;
};
[[nodiscard]] inline std::uint64_t CountConnections(const std::vector<SlotConnections>& all) {
  std::uint64_t connections = 0;
  for (const SlotConnections& one : all) connections += one.connections.size();
  return connections;
}

// The process that is to take the place of this one. It ends when this is destroyed, unless it was
// told to serve. Control thread.
class Successor {
 public:
  Successor() = default;
  Successor(const Successor&) = delete;
  Successor& operator=(const Successor&) = delete;
  virtual ~Successor() = default;

  // "process 4711 (0.2.0)", for messages.
  [[nodiscard]] virtual std::string name() const = 0;
  // This process executes it: Serve returns only if that fails, and connections that cannot move
  // end with it.
  [[nodiscard]] virtual bool in_place() const = 0;
  [[nodiscard]] virtual std::vector<SettingChange> changes() const = 0;
  // Listen addresses that it does not serve.
  [[nodiscard]] virtual std::vector<std::string> addresses_dropped() const = 0;

  // Sends copies; the caller keeps the connections until Serve has returned.
  virtual absl::Status Send(const SlotConnections& connections) = 0;
  // Everything else. Returns the ids of connections that it does not take.
  virtual absl::StatusOr<std::vector<std::uint64_t>> Prepare(const PoolState& state) = 0;
  // Tells it to serve. Aborted: it could not be told. Any other error: it was told, and has ended;
  // what it did meanwhile is not known.
  virtual absl::Status Serve() = 0;
  // After Serve: what this process has counted by now, by slot. Any one thread.
  virtual absl::Status Report(const std::vector<CounterSnapshot>& counters) = 0;
};

class SuccessorLauncher {
 public:
  SuccessorLauncher() = default;
  SuccessorLauncher(const SuccessorLauncher&) = delete;
  SuccessorLauncher& operator=(const SuccessorLauncher&) = delete;
  virtual ~SuccessorLauncher() = default;

  // Starts the process and waits until it could serve. Fails at the deadline, and soon after
  // `cancelled` is set. Control thread.
  virtual absl::StatusOr<std::unique_ptr<Successor>> Launch(
      const UpgradeRequest& request, PoolSockets sockets,
      std::chrono::steady_clock::time_point deadline, const std::atomic<bool>& cancelled) = 0;
  // The successor serves; this process is to end when `linger` has passed, or no connection is
  // left.
  virtual void OnHandedOver(std::unique_ptr<Successor> successor,
                            std::chrono::nanoseconds linger) = 0;
};

}  // namespace echogw::server
