// What callers ask for, on their threads: requests are checked, entered as tasks for the control
// thread, or refused.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/pool/reactor_pool.h"

namespace echogw::server {

const char* GatewayStateName(GatewayState state) {
  switch (state) {
    case GatewayState::kStarting:
      return "starting";
    case GatewayState::kServing:
      return "serving";
    case GatewayState::kUnhealthy:
      return "unhealthy";
    case GatewayState::kQuiet:
      return "quiet";
    case GatewayState::kRefusing:
      return "refusing";
    case GatewayState::kClosing:
      return "closing";
    case GatewayState::kDrained:
      return "drained";
    case GatewayState::kStopped:
      return "stopped";
  }
  return "?";
}

absl::Status ReactorPool::MayBegin() const {
  const GatewayState state = state_.load();
  if (stopping_.load() || state == GatewayState::kStopped) {
    return absl::UnavailableError("the gateway is stopping");
  }
  if (state == GatewayState::kStarting) {
    return absl::FailedPreconditionError("the gateway is starting; try again");
  }
  if (running_ || !tasks_.empty()) {
    return absl::FailedPreconditionError(
        "another operation is under way; wait for it (operation --watch) and try again");
  }
  if (state != GatewayState::kServing) {
    return absl::FailedPreconditionError(
        absl::StrCat("the gateway is ", GatewayStateName(state), "; undrain it first"));
  }
  return absl::OkStatus();
}

absl::Status ReactorPool::CheckReactor(std::uint32_t reactor) const {
  const std::vector<std::uint32_t> running = slots_.Running();
  if (std::find(running.begin(), running.end(), reactor) != running.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no reactor ", reactor, " runs; there are ", running.size()));
}

absl::Status ReactorPool::CheckServing(std::uint32_t reactor) const {
  if (absl::Status s = CheckReactor(reactor); !s.ok()) return s;
  const ReactorState state = slots_.state(reactor);
  if (state == ReactorState::kServing) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("reactor ", reactor, " is ",
                   state == ReactorState::kDrained ? "drained" : "draining", "; undrain it first"));
}

absl::Status ReactorPool::CheckNamed(const Request& request) const {
  if (const auto* move = std::get_if<MoveRequest>(&request)) {
    if (absl::Status s = CheckReactor(move->from); !s.ok()) return s;
    return CheckServing(move->to);
  }
  const auto* drain = std::get_if<DrainRequest>(&request);
  if (drain == nullptr || !drain->reactor) return absl::OkStatus();
  if (absl::Status s = CheckReactor(*drain->reactor); !s.ok()) return s;
  std::vector<std::uint32_t> others = slots_.InState(ReactorState::kServing);
  std::erase(others, *drain->reactor);
  if (!others.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("reactor ", *drain->reactor,
                   " is the only one that serves; add reactors or drain the gateway"));
}

absl::Status ReactorPool::CheckDuration(std::chrono::nanoseconds d, const char* name) const {
  if (d >= std::chrono::nanoseconds(0) && d <= kDeadlineMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " must be between 0 and 24 hours"));
}

std::uint64_t ReactorPool::Push(Request request, std::uint64_t operation) {
  tasks_.push_back({std::move(request), operation, ++last_task_});
  return last_task_;
}

absl::StatusOr<Operation> ReactorPool::Enter(Request request, Operation operation) {
  Operation begun;
  {
    const std::scoped_lock lock(tasks_mutex_);
    if (absl::Status s = MayBegin(); !s.ok()) return s;
    if (absl::Status s = CheckNamed(request); !s.ok()) return s;
    cancel_.store(false);
    if (operation.kind == OperationKind::kResize) {
      operation.reactors_before = static_cast<std::uint32_t>(slots_.Running().size());
    }
    begun = operations_.Begin(std::move(operation));
    Push(std::move(request), begun.id);
  }
  slots_.reports().Interrupt();
  return begun;
}

absl::StatusOr<Operation> ReactorPool::Resize(const ResizeRequest& request) {
  if (request.target < 1 || request.target > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("target must be 1 to ", kReactorsMax, ", not ", request.target));
  }
  if (absl::Status s = CheckDuration(request.deadline, "deadline"); !s.ok()) return s;
  return Enter(request, {.kind = OperationKind::kResize,
                         .reactors_target = request.target,
                         .dry_run = request.dry_run});
}

absl::StatusOr<Operation> ReactorPool::Move(const MoveRequest& request) {
  if (request.from == request.to) {
    return absl::InvalidArgumentError("from_reactor and to_reactor are the same");
  }
  return Enter(request, {.kind = OperationKind::kMove, .reactor = request.from});
}

absl::StatusOr<Operation> ReactorPool::Rebalance(const RebalanceRequest& request) {
  return Enter(request, {.kind = OperationKind::kRebalance, .dry_run = request.dry_run});
}

absl::StatusOr<Operation> ReactorPool::Drain(const DrainRequest& request) {
  for (const auto& [d, name] :
       {std::pair{request.deadline, "deadline"}, std::pair{request.quiet_period, "quiet_period"},
        std::pair{request.quiet_max_wait, "quiet_max_wait"}, std::pair{request.spread, "spread"}}) {
    if (absl::Status s = CheckDuration(d, name); !s.ok()) return s;
  }
  if (!request.reactor) return EnterGatewayDrain(request);
  return Enter(request, {.kind = OperationKind::kDrainReactor, .reactor = *request.reactor});
}

absl::StatusOr<Operation> ReactorPool::EnterGatewayDrain(const DrainRequest& request) {
  Operation begun;
  {
    const std::scoped_lock lock(tasks_mutex_);
    const GatewayState state = state_.load();
    auto drains = [](const Task& task) {
      const auto* d = std::get_if<DrainRequest>(&task.request);
      return d != nullptr && !d->reactor;
    };
    if (stopping_.load() || state == GatewayState::kStarting) return MayBegin();
    if (state != GatewayState::kServing || (running_ && drains(*running_)) ||
        std::any_of(tasks_.begin(), tasks_.end(), drains)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the gateway drains already; it is ", GatewayStateName(state)));
    }
    // What is under way gives way: ending is the most urgent thing an operator can ask for.
    cancel_.store(running_.has_value() || !tasks_.empty());
    begun = operations_.Begin({.kind = OperationKind::kDrainGateway});
    Push(request, begun.id);
  }
  slots_.reports().Interrupt();
  return begun;
}

absl::Status ReactorPool::SetAutoRebalance(bool enabled, std::optional<RebalancePolicy> policy) {
  const std::scoped_lock lock(tasks_mutex_);
  auto_rebalance_ = enabled;
  if (policy) auto_policy_ = *policy;
  slots_.reports().Interrupt();
  return absl::OkStatus();
}

bool ReactorPool::auto_rebalance() const {
  const std::scoped_lock lock(tasks_mutex_);
  return auto_rebalance_;
}

absl::StatusOr<std::vector<SteeringWeight>> ReactorPool::SetSteering(
    const std::vector<SteeringWeight>& weights, bool reset) {
  const std::scoped_lock lock(tasks_mutex_);
  if (absl::Status s = MayBegin(); !s.ok()) return s;
  if (!slots_.steering_active() && !(weights.empty() && reset)) {
    return absl::FailedPreconditionError(
        "steering is not available: the kernel refused the program, or it is off by configuration");
  }
  for (const SteeringWeight& w : weights) {
    if (absl::Status s = CheckReactor(w.reactor); !s.ok()) return s;
    if (w.weight > kSteeringWeightMax) {
      return absl::InvalidArgumentError(absl::StrCat("weight of reactor ", w.reactor,
                                                     " must be 0 to ", kSteeringWeightMax, ", not ",
                                                     w.weight));
    }
  }
  auto wanted = [&](std::uint32_t reactor) {
    std::uint32_t weight = reset ? 1 : slots_.weight(reactor);
    for (const SteeringWeight& w : weights) {
      if (w.reactor == reactor) weight = w.weight;
    }
    return weight;
  };
  const std::vector<std::uint32_t> serving = slots_.InState(ReactorState::kServing);
  if (std::all_of(serving.begin(), serving.end(),
                  [&](std::uint32_t r) { return wanted(r) == 0; })) {
    return absl::InvalidArgumentError("at least one serving reactor needs a weight above 0");
  }
  std::vector<SteeringWeight> result;
  for (const std::uint32_t reactor : slots_.Running()) {
    result.push_back({reactor, wanted(reactor)});
  }
  slots_.SetWeights(result);
  slots_.ApplySteering();
  if (slots_.shares_listeners()) {
    // Nobody waits for these: what is dealt by the old weights meanwhile is dealt to reactors that
    // run.
    for (const std::uint32_t slot : slots_.Running()) {
      (void)slots_.Post(slot, slots_.MakeAssignment());
    }
  }
  return result;
}

Limits ReactorPool::GetLimits() const { return slots_.limits(); }

absl::StatusOr<ChangedLimits> ReactorPool::SetLimits(const LimitsChange& change) {
  constexpr std::chrono::seconds kPatience{5};
  const std::scoped_lock lock(limits_mutex_);
  ChangedLimits changed{.before = slots_.limits(), .after = {}};
  changed.after = change.AppliedTo(changed.before);
  if (options_.reactor.poller == PollerKind::kIoUring &&
      (changed.after.rate != 0 || changed.after.output_buffer != 0)) {
    return absl::FailedPreconditionError(
        "io_uring has no rate and no output buffer limit; run with --poller epoll for them");
  }
  if (change.dry_run || changed.after == changed.before) return changed;
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPatience;
  std::size_t late = 0;
  for (const std::uint64_t id : slots_.SetLimits(changed.after, limits_taken_)) {
    const auto left = std::max<std::chrono::nanoseconds>(
        deadline - std::chrono::steady_clock::now(), std::chrono::nanoseconds(0));
    if (!limits_taken_.WaitFor(id, left)) ++late;
  }
  if (late > 0) {
    log_.Write(
        LogLevel::kWarning,
        absl::StrCat(late, " reactors do not answer; they take the new limits when they do"));
  }
  return changed;
}

absl::Status ReactorPool::AwaitEnd(std::uint64_t task) {
  constexpr std::chrono::seconds kPatience{10};
  std::unique_lock lock(tasks_mutex_);
  const bool woken =
      ended_.wait_for(lock, kPatience, [&] { return ended_task_ >= task || stopping_.load(); });
  if (ended_task_ >= task) return absl::OkStatus();
  if (woken) return absl::UnavailableError("the gateway is stopping");
  return absl::DeadlineExceededError("the gateway takes long to come back; see its state");
}

absl::StatusOr<GatewayState> ReactorPool::Undrain(std::optional<std::uint32_t> reactor) {
  bool cancelled = false;
  std::uint64_t task = 0;
  {
    const std::scoped_lock lock(tasks_mutex_);
    if (stopping_.load() || state_.load() == GatewayState::kStarting) return MayBegin();
    if (reactor) {
      if (absl::Status s = CheckReactor(*reactor); !s.ok()) return s;
    }
    auto is_it = [&reactor](const Task& t) {
      const auto* drain = std::get_if<DrainRequest>(&t.request);
      return drain != nullptr && drain->reactor == reactor;
    };
    if (const auto queued = std::find_if(tasks_.begin(), tasks_.end(), is_it);
        queued != tasks_.end()) {
      (void)operations_.Finish(queued->operation, OperationResult::kCancelled,
                               "undrained before it began");
      tasks_.erase(queued);
      // It may have been drained before, or half of it.
      if (!reactor || slots_.state(*reactor) == ReactorState::kServing) return state_.load();
    }
    cancelled = running_ && is_it(*running_);
    if (cancelled) {
      cancel_.store(true);  // the drain takes itself back
      task = running_->number;
    } else if (running_ || !tasks_.empty()) {
      return absl::FailedPreconditionError("another operation is under way; try again after it");
    } else if (reactor) {
      task = Push(UndrainReactor{*reactor}, 0);
    } else {
      task = Push(UndrainGateway{}, 0);
    }
  }
  slots_.reports().Interrupt();
  if (absl::Status s = AwaitEnd(task); !s.ok()) return s;
  if (cancelled && reactor && slots_.state(*reactor) != ReactorState::kServing) {
    return Undrain(reactor);  // it had ended before it saw the cancellation
  }
  if (cancelled && !reactor && state_.load() == GatewayState::kDrained) return Undrain(reactor);
  return state_.load();
}

}  // namespace echogw::server
