// The reactors as one gateway: starts and stops them, resizes, drains, moves and rebalances, and
// never closes a connection to do so, except in a drain of the whole gateway.
//
// One control thread carries out every change, one at a time, by commands to reactors whose reports
// it awaits. Callers on other threads enter a task for it and read values. Locks are held for
// copies only, except that a slot starts under the lock of ReactorSet.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "reactor/base/mutex.h"
#include "server/pool/connection_inspector.h"
#include "server/pool/drainer.h"
#include "server/pool/mover.h"
#include "server/pool/pool_context.h"
#include "server/pool/rebalancer.h"
#include "server/pool/resizer.h"
#include "server/pool/takeover.h"
#include "server/pool/task_queue.h"
#include "server/pool/upgrader.h"

namespace echogw::server {

class ReactorPool final : public Control {
 public:
  // Binds and listens on every address for every reactor; no thread starts. Errors name the address
  // (AlreadyExists: port in use) or the limit that was exceeded (InvalidArgument).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ReactorPool>> Create(
      const PoolOptions& options, LogSink& log);

  // Stops.
  ~ReactorPool() override;

  // Starts the reactors and the control thread. If one cannot start, none runs.
  [[nodiscard]] absl::Status Start();

  // In place of the control thread of Start, with PoolOptions::taken: Start lets the reactors serve
  // nothing; this gives them what another process had, and starts the thread.
  void TakeOver(const PoolState& state, std::vector<SlotConnections> connections);
  [[nodiscard]] Takeover& takeover() { return takeover_; }

  // Cancels the running and waiting operations, then stops and joins all threads. Connections that
  // are left are reset: drain first. A second call does nothing.
  void Stop();

  // "HOST:PORT" of every listen address, with real ports.
  [[nodiscard]] std::vector<std::string> listen_addresses() const {
    return context_.listeners.addresses();
  }
  [[nodiscard]] std::vector<std::string> udp_addresses() const {
    return context_.listeners.udp_addresses();
  }

  // Called with every new state, on the control thread. Set before Start.
  void SetStateObserver(std::function<void(GatewayState)> observer) {
    context_.state_observer = std::move(observer);
  }
  // Called with every operation that has ended, on the control thread. Set before Start.
  void SetOperationObserver(std::function<void(const Operation&)> observer) {
    context_.operation_observer = std::move(observer);
  }

  // The drain that precedes Stop. Cancels every operation and continues where a drain of the
  // gateway has got to, with a deadline of its own; no request changes the gateway after it.
  absl::StatusOr<Operation> DrainToStop(const DrainRequest& request) {
    return tasks_.EnterLastDrain(request);
  }

  // Single connections. Lives as long as the pool; all watches must end before.
  [[nodiscard]] ConnectionControl& connections() { return inspector_; }
  [[nodiscard]] ConnectionLimiter& limiter() { return context_.reactors.limiter(); }

  [[nodiscard]] GatewayStats Stats() const override;
  absl::StatusOr<Operation> Resize(const ResizeRequest& request) override;
  absl::StatusOr<Operation> Move(const MoveRequest& request) override;
  absl::StatusOr<Operation> Rebalance(const RebalanceRequest& request) override;
  // A drain of the gateway cancels the running operation and follows it.
  absl::StatusOr<Operation> Drain(const DrainRequest& request) override;
  absl::StatusOr<Operation> Upgrade(const UpgradeRequest& request) override;
  absl::Status SetAutoRebalance(bool enabled, std::optional<RebalancePolicy> policy) override;
  [[nodiscard]] bool auto_rebalance() const override { return rebalancer_.automatic(); }
  absl::StatusOr<std::vector<SteeringWeight>> SetSteering(
      const std::vector<SteeringWeight>& weights, bool reset) override;
  [[nodiscard]] Limits GetLimits() const override { return context_.reactors.limits(); }
  absl::StatusOr<ChangedLimits> SetLimits(const LimitsChange& change) override;
  absl::StatusOr<GatewayState> Undrain(std::optional<std::uint32_t> reactor) override {
    return tasks_.Undrain(reactor);
  }
  [[nodiscard]] absl::StatusOr<Operation> GetOperation(std::uint64_t id) const override {
    return context_.operations.Get(id);
  }

 private:
  ReactorPool(const PoolOptions& options, LogSink& log);

  // ---- control thread ----
  void Run();
  void Carry(const Task& task);
  [[nodiscard]] Outcome Handle(const Request& request);

  PoolContext context_;
  TaskQueue tasks_{context_};
  Mover mover_{context_};
  Resizer resizer_{context_, mover_};
  Drainer drainer_{context_, mover_};
  Rebalancer rebalancer_{context_, mover_};
  Upgrader upgrader_{context_, rebalancer_};
  Takeover takeover_{context_, rebalancer_, upgrader_};
  ConnectionInspector inspector_{context_.reactors};
  std::thread control_;
  bool stopped_ = false;  // the thread that calls Stop
};

}  // namespace echogw::server
