#include "server/pool/reactor_pool.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {

absl::StatusOr<std::unique_ptr<ReactorPool>> ReactorPool::Create(const PoolOptions& options,
                                                                 LogSink& log) {
  if (options.reactors < 1 || options.reactors > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("reactors must be 1 to ", kReactorsMax, ", not ", options.reactors));
  }
  if (options.inherited.size() > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("at most ", kReactorsMax, " listeners, not ", options.inherited.size()));
  }
  if (options.listen.empty()) return absl::InvalidArgumentError("no address to listen on");
  std::unique_ptr<ReactorPool> pool(new ReactorPool(options, log));
  PoolContext& context = pool->context_;
  absl::Status s = context.reactors.Make(
      options.taken != nullptr ? options.taken->slots : options.reactors, context.listeners);
  if (!s.ok()) return s;
  return pool;
}

ReactorPool::ReactorPool(const PoolOptions& options, LogSink& log) : context_(options, log) {}

ReactorPool::~ReactorPool() { Stop(); }

absl::Status ReactorPool::Start() {
  if (const PoolSockets* taken = context_.options.taken; taken != nullptr) {
    return context_.reactors.Start(0, taken->reactors);
  }
  if (absl::Status s = resizer_.Start(context_.options.reactors); !s.ok()) return s;
  context_.SetState(GatewayState::kServing);
  control_ = std::thread(&ReactorPool::Run, this);
  return absl::OkStatus();
}

void ReactorPool::TakeOver(const PoolState& state, std::vector<SlotConnections> connections) {
  takeover_.Take(state, std::move(connections));
  context_.SetState(GatewayState::kServing);
  control_ = std::thread(&ReactorPool::Run, this);
}

void ReactorPool::Stop() {
  if (stopped_) return;
  stopped_ = true;
  tasks_.Stop();
  if (control_.joinable()) control_.join();
  context_.reactors.Stop(context_.reactors.Running());
  for (std::uint32_t slot = context_.reactors.count(); slot-- > 0;) context_.listeners.Close(slot);
  // A pool that never served stops silently: the caller that could not start it says why.
  if (context_.state.load() == GatewayState::kStarting) {
    context_.state.store(GatewayState::kStopped);
  }
  context_.SetState(GatewayState::kStopped);
}

// ---- the control thread ----

void ReactorPool::Run() {
  while (!context_.stopping.load()) {
    if (const std::optional<Task> task = tasks_.Next()) {
      Carry(*task);
      continue;
    }
    // Reports that arrive here are late: no one waits for them.
    (void)context_.reactors.reports().WaitFor(rebalancer_.Tick());
  }
}

void ReactorPool::Carry(const Task& task) {
  context_.operation = task.operation;
  context_.requested = task.requested;
  const std::uint64_t before = context_.reactors.Total().accepted_from_adopted;
  const Outcome outcome = Handle(task.request);
  if (task.operation != 0) {
    context_.Update([&](Operation& o) {
      o.accepted_from_parked = context_.reactors.Total().accepted_from_adopted - before;
    });
    context_.log.Write(
        outcome.result == OperationResult::kSucceeded ? LogLevel::kInfo : LogLevel::kWarning,
        absl::StrCat("operation ", task.operation, ": ", outcome.message));
    auto ended = context_.operations.Get(task.operation);
    if (ended.ok() && context_.operation_observer) {
      // Before the next one may begin, so that the ends are observed in order.
      ended->result = outcome.result;
      ended->message = outcome.message;
      context_.operation_observer(*ended);
    }
  }
  context_.operation = 0;
  tasks_.End(task, outcome);
}

Outcome ReactorPool::Handle(const Request& request) {
  if (const auto* resize = std::get_if<ResizeRequest>(&request)) return resizer_.Handle(*resize);
  if (const auto* move = std::get_if<MoveRequest>(&request)) return mover_.Handle(*move);
  if (const auto* rebalance = std::get_if<RebalanceRequest>(&request)) {
    return rebalancer_.Handle(*rebalance);
  }
  if (const auto* drain = std::get_if<DrainRequest>(&request)) return drainer_.Handle(*drain);
  if (const auto* upgrade = std::get_if<UpgradeRequest>(&request)) {
    return upgrader_.Handle(*upgrade);
  }
  return drainer_.Handle(std::get<UndrainRequest>(request));
}

// ---- any thread ----

GatewayStats ReactorPool::Stats() const {
  GatewayStats stats;
  stats.lineage = context_.lineage;
  stats.connections_of_predecessor = context_.base.Connections();
  stats.state = context_.state.load();
  stats.steering_active = context_.steering.active();
  stats.reactors = context_.reactors.Stats();
  for (ReactorStats& r : stats.reactors) {
    r.steering_weight = context_.steering.weight(r.id);
    stats.total += r.counters;
  }
  context_.listeners.AddStats(stats.reactors);
  return stats;
}

absl::StatusOr<Operation> ReactorPool::Resize(const ResizeRequest& request) {
  if (absl::Status s = CheckValues(request); !s.ok()) return s;
  return tasks_.Enter(request, {.kind = OperationKind::kResize,
                                .reactors_target = request.target,
                                .dry_run = request.dry_run});
}

absl::StatusOr<Operation> ReactorPool::Move(const MoveRequest& request) {
  if (request.from == request.to) {
    return absl::InvalidArgumentError("from_reactor and to_reactor are the same");
  }
  return tasks_.Enter(request, {.kind = OperationKind::kMove, .reactor = request.from});
}

absl::StatusOr<Operation> ReactorPool::Rebalance(const RebalanceRequest& request) {
  return tasks_.Enter(request, {.kind = OperationKind::kRebalance, .dry_run = request.dry_run});
}

absl::StatusOr<Operation> ReactorPool::Drain(const DrainRequest& request) {
  if (absl::Status s = CheckValues(request); !s.ok()) return s;
  if (!request.reactor) return tasks_.EnterGatewayDrain(request);
  return tasks_.Enter(request, {.kind = OperationKind::kDrainReactor, .reactor = request.reactor});
}

absl::StatusOr<Operation> ReactorPool::Upgrade(const UpgradeRequest& request) {
  if (absl::Status s = CheckValues(request); !s.ok()) return s;
  return tasks_.Enter(request, {.kind = OperationKind::kUpgrade, .dry_run = request.dry_run});
}

absl::Status ReactorPool::SetAutoRebalance(bool enabled, std::optional<RebalancePolicy> policy) {
  const MutexLock lock(context_.limits_mutex);
  if (absl::Status s = context_.CheckServesHere(); !s.ok()) return s;
  rebalancer_.SetAutomatic(enabled, policy);
  context_.reactors.reports().Interrupt();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SteeringWeight>> ReactorPool::SetSteering(
    const std::vector<SteeringWeight>& weights, bool reset) {
  std::vector<SteeringWeight> result;
  absl::Status status = tasks_.WhenIdle([&]() -> absl::Status {
    if (!context_.steering.active() && !(weights.empty() && reset)) {
      return absl::FailedPreconditionError(
          "steering is not available: the kernel refused the program, or it is off by "
          "configuration");
    }
    if (absl::Status s = CheckWeights(context_, weights, reset, result); !s.ok()) return s;
    context_.steering.SetWeights(result);
    // No need to wait: meanwhile connections go to running reactors by the old weights.
    (void)context_.steering.Apply();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<ChangedLimits> ReactorPool::SetLimits(const LimitsChange& change) {
  constexpr std::chrono::seconds kTimeout{5};
  const MutexLock lock(context_.limits_mutex);
  if (absl::Status s = context_.CheckServesHere(); !s.ok()) return s;
  ChangedLimits changed{.before = GetLimits(), .after = {}};
  changed.after = change.AppliedTo(changed.before);
  if (context_.options.reactor.poller == PollerKind::kIoUring &&
      (changed.after.rate != 0 || changed.after.output_buffer != 0)) {
    return absl::FailedPreconditionError(
        "io_uring has no rate and no output buffer limit; run with --poller epoll for them");
  }
  if (change.dry_run || changed.after == changed.before) return changed;
  if (const std::size_t late = context_.reactors.SetLimits(changed.after, kTimeout); late > 0) {
    context_.log.Write(
        LogLevel::kWarning,
        absl::StrCat(late, " reactors did not respond; they apply the new limits when they do"));
  }
  return changed;
}

}  // namespace echogw::server
