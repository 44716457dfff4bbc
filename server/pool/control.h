// The interface of the RPC layer and the exporter to the gateway. Values in, values out; every
// method may be called from any thread and returns without waiting for traffic.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/limits.h"
#include "reactor/stats/counters.h"

namespace echogw::server {

// The gateway as a whole. A drain passes through the states in order; Undrain returns to kServing
// from any of them before kStopped.
//
//   kStarting -> kServing -> kUnhealthy -> kQuiet -> kRefusing -> kClosing -> kDrained -> kStopped
//                   ^            |           |          |            |           |
//                   +------------+-----------+----------+------------+-----------+   Undrain
enum class GatewayState : std::uint8_t {
  kStarting,
  kServing,
  kUnhealthy,
  kQuiet,
  kRefusing,
  kClosing,
  kDrained,
  kStopped,
};
inline constexpr auto kGatewayStateNames = std::to_array<const char*>(
    {"starting", "serving", "unhealthy", "quiet", "refusing", "closing", "drained", "stopped"});

enum class ReactorState : std::uint8_t { kStarting, kServing, kDraining, kDrained, kParked };
inline constexpr auto kReactorStateNames =
    std::to_array<const char*>({"starting", "serving", "draining", "drained", "parked"});

[[nodiscard]] inline const char* Name(GatewayState state) {
  return kGatewayStateNames[static_cast<std::size_t>(state)];
}
[[nodiscard]] inline const char* Name(ReactorState state) {
  return kReactorStateNames[static_cast<std::size_t>(state)];
}

enum class RefuseMode : std::uint8_t { kAccept, kReset, kSilent };
inline constexpr auto kRefuseModeNames = std::to_array<const char*>({"accept", "reset", "silent"});

enum class RebalancePolicy : std::uint8_t { kConnections, kBytes, kBusy };

struct ListenerStats {
  std::string address;
  std::uint32_t slot = 0;
  std::uint32_t owner = 0;
  std::uint32_t accept_queue = 0;
  std::uint32_t accept_queue_limit = 0;
  std::uint64_t drops = 0;
};

struct UdpSocketStats {
  std::string address;
  std::uint32_t slot = 0;
  std::uint32_t owner = 0;
  std::uint32_t queue_bytes = 0;
  std::uint32_t queue_limit_bytes = 0;
  std::uint64_t drops = 0;
};

struct ReactorStats {
  std::uint32_t id = 0;
  int cpu = -1;
  ReactorState state = ReactorState::kStarting;
  CounterSnapshot counters;
  std::uint32_t steering_weight = 0;
  std::vector<ListenerStats> listeners;
  std::vector<UdpSocketStats> udp_sockets;  // empty: UDP is off, or another reactor has them
};

// What a gateway has behind it, through all its processes: counters, start and CPU time go on when
// another process takes over.
struct Lineage {
  std::chrono::system_clock::time_point start_time = std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  std::chrono::nanoseconds cpu_before{0};  // of the processes before this one
  std::uint64_t upgrades = 0;
};

struct GatewayStats {
  Lineage lineage;
  // Of the total: those that the process before this one still serves.
  std::uint64_t connections_of_predecessor = 0;
  GatewayState state = GatewayState::kStarting;
  bool steering_active = false;
  CounterSnapshot total;
  std::vector<ReactorStats> reactors;  // by id
};

enum class OperationKind : std::uint8_t {
  kResize,
  kMove,
  kRebalance,
  kDrainReactor,
  kDrainGateway,
  kUpgrade,
};

enum class OperationResult : std::uint8_t {
  kRunning,
  kSucceeded,
  kTimedOut,
  kCancelled,
  kFailed,
};

// The kernel's counters for the network namespace, from /proc/net/netstat.
struct KernelCounters {
  std::uint64_t listen_overflows = 0;
  std::uint64_t listen_drops = 0;
  std::uint64_t tcp_abort_on_close = 0;
  std::uint64_t tcp_migrate_req_failure = 0;
};

struct OperationPhase {
  std::string name;
  std::chrono::nanoseconds elapsed{0};
};

struct PlannedMove {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint64_t connections = 0;
};

struct SettingChange {
  std::string key;
  std::vector<std::string> before;
  std::vector<std::string> after;
};

// The state of an operation.
struct Operation {
  std::uint64_t id = 0;
  // Increases with every change, so that a watcher knows when to send.
  std::uint64_t version = 0;
  OperationKind kind = OperationKind::kResize;
  OperationResult result = OperationResult::kRunning;
  std::chrono::system_clock::time_point start_time;
  std::chrono::nanoseconds elapsed{0};
  std::string phase;
  std::vector<OperationPhase> phases;
  std::uint32_t reactors_before = 0;
  std::uint32_t reactors_target = 0;
  std::uint64_t connections_moved = 0;
  std::uint64_t connections_closed = 0;
  std::uint64_t connections_reset = 0;
  std::uint64_t connections_left = 0;
  std::uint64_t accepted_from_parked = 0;
  KernelCounters kernel_before;
  KernelCounters kernel_after;
  std::string message;
  std::optional<std::uint32_t> reactor;
  bool dry_run = false;
  std::vector<PlannedMove> moves;
  double imbalance_before = 0;
  double imbalance_after = 0;
  std::vector<SettingChange> changes;
  std::chrono::nanoseconds pause{0};  // of an upgrade: how long nothing was accepted or served
};

struct ResizeRequest {
  std::uint32_t target = 0;
  std::chrono::nanoseconds deadline = std::chrono::seconds(30);
  bool dry_run = false;
};

struct MoveRequest {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint64_t connections = 0;  // 0: all
};

struct RebalanceRequest {
  std::optional<RebalancePolicy> policy;  // unset: that of the automatic mode
  bool dry_run = false;
  std::uint64_t max_moves = 0;  // 0: no limit
};

struct UpgradeRequest {
  std::string binary;  // empty: the path that this process was started from
  bool same_binary = false;
  std::string config;  // empty: as this process was started
  std::chrono::nanoseconds deadline = std::chrono::seconds(30);
  // How long connections that cannot move stay with this process.
  std::chrono::nanoseconds linger = std::chrono::minutes(10);
  bool dry_run = false;
  bool in_place = false;  // this process executes the binary
};

struct SteeringWeight {
  std::uint32_t reactor = 0;
  std::uint32_t weight = 0;
};

struct DrainRequest {
  std::optional<std::uint32_t> reactor;  // unset: the gateway
  bool let_finish = false;
  std::chrono::nanoseconds deadline = std::chrono::seconds(30);
  std::chrono::nanoseconds quiet_period = std::chrono::seconds(1);
  std::chrono::nanoseconds quiet_max_wait = std::chrono::seconds(10);
  RefuseMode refuse = RefuseMode::kAccept;
  std::chrono::nanoseconds spread = std::chrono::seconds(5);
};

// New values of some limits; the others stay as they are.
struct LimitsChange {
  std::vector<std::pair<const LimitField*, std::uint64_t>> values;
  bool dry_run = false;

  [[nodiscard]] Limits AppliedTo(Limits limits) const {
    for (const auto& [field, value] : values) field->set(limits, value);
    return limits;
  }
};

struct ChangedLimits {
  Limits before;
  Limits after;
};

class Control {
 public:
  Control() = default;
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  virtual ~Control() = default;

  [[nodiscard]] virtual GatewayStats Stats() const = 0;

  // Each begins an operation and returns its state. InvalidArgument if the request is never valid,
  // FailedPrecondition if another operation runs or the gateway is not in the right state.
  virtual absl::StatusOr<Operation> Resize(const ResizeRequest& request) = 0;
  virtual absl::StatusOr<Operation> Move(const MoveRequest& request) = 0;
  virtual absl::StatusOr<Operation> Rebalance(const RebalanceRequest& request) = 0;
  virtual absl::StatusOr<Operation> Drain(const DrainRequest& request) = 0;
  virtual absl::StatusOr<Operation> Upgrade(const UpgradeRequest& request) = 0;

  // The automatic mode of rebalancing; `policy` unset leaves the policy unchanged.
  virtual absl::Status SetAutoRebalance(bool enabled, std::optional<RebalancePolicy> policy) = 0;
  [[nodiscard]] virtual bool auto_rebalance() const = 0;

  // Sets all the weights or none; returns those of every reactor that is not parked.
  virtual absl::StatusOr<std::vector<SteeringWeight>> SetSteering(
      const std::vector<SteeringWeight>& weights, bool reset) = 0;

  // Complete on return.
  virtual absl::StatusOr<GatewayState> Undrain(std::optional<std::uint32_t> reactor) = 0;

  // The limits in force. A change is complete on return, even while an operation runs.
  [[nodiscard]] virtual Limits GetLimits() const = 0;
  virtual absl::StatusOr<ChangedLimits> SetLimits(const LimitsChange& change) = 0;

  // `id` 0 is the newest. NotFound if there is no such operation or it is no longer kept.
  [[nodiscard]] virtual absl::StatusOr<Operation> GetOperation(std::uint64_t id) const = 0;
};

}  // namespace echogw::server
