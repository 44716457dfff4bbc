// A Control whose answers the test sets, and which remembers what it was asked. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/pool/control.h"

namespace echogw::server {

class FakeControl final : public Control {
 public:
  std::function<void()> during_undrain;

  // Every call that may fail does so with this, unless it is OK.
  void set_failure(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    failure_ = status;
  }
  void set_stats(const GatewayStats& stats) {
    const std::lock_guard lock(mutex_);
    stats_ = stats;
  }
  // Puts an operation in place, as new or over the one of that id.
  void SetOperation(const Operation& operation) {
    const std::lock_guard lock(mutex_);
    operations_[operation.id] = operation;
  }
  void ForgetOperation(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    operations_.erase(id);
  }

  [[nodiscard]] std::optional<ResizeRequest> resize() const { return Get(resize_); }
  [[nodiscard]] std::optional<UpgradeRequest> upgrade() const { return Get(upgrade_); }
  [[nodiscard]] std::optional<MoveRequest> move() const { return Get(move_); }
  [[nodiscard]] std::optional<RebalanceRequest> rebalance() const { return Get(rebalance_); }
  [[nodiscard]] std::optional<DrainRequest> drain() const { return Get(drain_); }
  [[nodiscard]] std::optional<std::optional<std::uint32_t>> undrain() const {
    return Get(undrain_);
  }
  [[nodiscard]] std::vector<SteeringWeight> weights() const { return Get(weights_); }
  [[nodiscard]] bool steering_reset() const { return Get(steering_reset_); }
  [[nodiscard]] std::optional<RebalancePolicy> auto_policy() const { return Get(auto_policy_); }
  [[nodiscard]] int stats_calls() const { return Get(stats_calls_); }

  [[nodiscard]] GatewayStats Stats() const override {
    const std::lock_guard lock(mutex_);
    ++stats_calls_;
    return stats_;
  }
  absl::StatusOr<Operation> Resize(const ResizeRequest& request) override {
    return Begin(resize_, request,
                 {.kind = OperationKind::kResize,
                  .reactors_target = request.target,
                  .dry_run = request.dry_run});
  }
  absl::StatusOr<Operation> Upgrade(const UpgradeRequest& request) override {
    return Begin(upgrade_, request, {.kind = OperationKind::kUpgrade, .dry_run = request.dry_run});
  }
  absl::StatusOr<Operation> Move(const MoveRequest& request) override {
    return Begin(move_, request, {.kind = OperationKind::kMove, .reactor = request.from});
  }
  absl::StatusOr<Operation> Rebalance(const RebalanceRequest& request) override {
    return Begin(rebalance_, request,
                 {.kind = OperationKind::kRebalance, .dry_run = request.dry_run});
  }
  absl::StatusOr<Operation> Drain(const DrainRequest& request) override {
    return Begin(
        drain_, request,
        {.kind = request.reactor ? OperationKind::kDrainReactor : OperationKind::kDrainGateway,
         .reactor = request.reactor});
  }
  absl::Status SetAutoRebalance(bool enabled, std::optional<RebalancePolicy> policy) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    auto_rebalance_ = enabled;
    auto_policy_ = policy;
    return absl::OkStatus();
  }
  [[nodiscard]] bool auto_rebalance() const override { return Get(auto_rebalance_); }
  absl::StatusOr<std::vector<SteeringWeight>> SetSteering(
      const std::vector<SteeringWeight>& weights, bool reset) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    weights_ = weights;
    steering_reset_ = reset;
    return weights_;
  }
  absl::StatusOr<GatewayState> Undrain(std::optional<std::uint32_t> reactor) override {
    if (during_undrain) during_undrain();
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    undrain_ = reactor;
    return GatewayState::kServing;
  }
  [[nodiscard]] Limits GetLimits() const override { return Get(limits_); }
  absl::StatusOr<ChangedLimits> SetLimits(const LimitsChange& change) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    const ChangedLimits changed{limits_, change.AppliedTo(limits_)};
    if (!change.dry_run) limits_ = changed.after;
    return changed;
  }
  [[nodiscard]] absl::StatusOr<Operation> GetOperation(std::uint64_t id) const override {
    const std::lock_guard lock(mutex_);
    if (operations_.empty()) return absl::NotFoundError("there is no operation");
    if (id == 0) return operations_.rbegin()->second;
    const auto at = operations_.find(id);
    if (at == operations_.end()) return absl::NotFoundError("there is no such operation");
    return at->second;
  }

 private:
  template <typename T>
  T Get(const T& from) const {
    const std::lock_guard lock(mutex_);
    return from;
  }
  template <typename Request>
  absl::StatusOr<Operation> Begin(std::optional<Request>& seen, const Request& request,
                                  Operation operation) {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    seen = request;
    operation.id = operations_.size() + 1;
    operation.phase = "begin";
    operations_[operation.id] = operation;
    return operation;
  }

  mutable std::mutex mutex_;
  absl::Status failure_;
  GatewayStats stats_;
  mutable int stats_calls_ = 0;
  std::map<std::uint64_t, Operation> operations_;
  std::optional<ResizeRequest> resize_;
  std::optional<MoveRequest> move_;
  std::optional<UpgradeRequest> upgrade_;
  std::optional<RebalanceRequest> rebalance_;
  std::optional<DrainRequest> drain_;
  std::optional<std::optional<std::uint32_t>> undrain_;
  std::vector<SteeringWeight> weights_;
  bool steering_reset_ = false;
  Limits limits_;
  bool auto_rebalance_ = false;
  std::optional<RebalancePolicy> auto_policy_;
};

// Two reactors with every number different, so that a mix-up shows.
inline GatewayStats SampleStats() {
  GatewayStats stats;
  stats.state = GatewayState::kServing;
  stats.steering_active = true;
  std::uint64_t next = 1;
  for (std::uint32_t id = 0; id < 2; ++id) {
    ReactorStats reactor;
    reactor.id = id;
    reactor.cpu = id == 0 ? 3 : -1;
    reactor.state = id == 0 ? ReactorState::kServing : ReactorState::kParked;
    reactor.steering_weight = 7 + id;
    CounterSnapshot& c = reactor.counters;
    c.connections_active = next++;
    c.connections_accepted = next++;
    for (auto& closed : c.connections_closed) closed = next++;
    for (auto& rejected : c.connections_rejected) rejected = next++;
    c.connections_moved_in = next++;
    c.connections_moved_out = next++;
    c.received_bytes = next++;
    c.sent_bytes = next++;
    c.reads = next++;
    c.writes = next++;
    c.partial_writes = next++;
    c.ready_events = next++;
    c.wakeups = next++;
    c.loop_busy_ns = 1'500'000'000;
    c.loop_wait_ns = 2'500'000'000;
    c.loop_spin_ns = 500'000'000;
    for (auto& error : c.accept_errors) error = next++;
    c.accept_rate_waits = next++;
    c.accepted_from_adopted = next++;
    c.loop_stalls = next++;
    for (auto& header : c.proxy_headers) header = next++;
    c.tls_handshakes = next++;
    for (auto& failure : c.tls_failures) failure = next++;
    c.loop_longest_ns = 250'000'000;
    c.pending_bytes = next++;
    c.udp = {.received_datagrams = 1001 + id,
             .sent_datagrams = 1011 + id,
             .received_bytes = 1021 + id,
             .sent_bytes = 1031 + id,
             .receives = 1041 + id,
             .sends = 1051 + id,
             .receive_errors = 1061 + id};
    for (std::size_t i = 0; i < kUdpDrops; ++i) c.udp.dropped[i] = 1100 + 10 * i + id;
    reactor.listeners.push_back({.address = "127.0.0.1:7000",
                                 .slot = id,
                                 .owner = 0,
                                 .accept_queue = 40 + id,
                                 .accept_queue_limit = 4096,
                                 .drops = 50 + id});
    reactor.udp_sockets.push_back({.address = "127.0.0.1:7000",
                                   .slot = id,
                                   .owner = 0,
                                   .queue_bytes = 60 + id,
                                   .queue_limit_bytes = 212992,
                                   .drops = 70 + id});
    stats.total += c;
    stats.reactors.push_back(std::move(reactor));
  }
  return stats;
}

}  // namespace echogw::server
