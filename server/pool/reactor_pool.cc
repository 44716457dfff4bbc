#include "server/pool/reactor_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/check.h"

namespace echogw {
namespace {

// How often the control thread wakes without cause; bounds how late it sees a cancellation.
constexpr std::chrono::milliseconds kIdleWait{1000};
constexpr std::chrono::milliseconds kAwaitSlice{20};
constexpr std::chrono::milliseconds kTickInterval{100};
constexpr std::chrono::milliseconds kStoppedFor{500};

const char* Name(GatewayState state) {
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

}  // namespace

absl::StatusOr<std::unique_ptr<ReactorPool>> ReactorPool::Create(const PoolOptions& options,
                                                                 LogSink& log) {
  if (options.reactors < 1 || options.reactors > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("reactors must be 1 to ", kReactorsMax, ", not ", options.reactors));
  }
  if (options.listen.empty()) return absl::InvalidArgumentError("no address to listen on");
  std::unique_ptr<ReactorPool> pool(new ReactorPool(options, log));
  if (absl::Status s = pool->slots_.Make(options.reactors); !s.ok()) return s;
  return pool;
}

ReactorPool::ReactorPool(const PoolOptions& options, LogSink& log)
    : options_(options), log_(log), slots_(options, log), desk_(slots_) {}

ReactorPool::~ReactorPool() { Stop(); }

absl::Status ReactorPool::Start() {
  std::vector<std::uint32_t> started;
  for (std::uint32_t i = 0; i < options_.reactors; ++i) {
    const absl::Status s = slots_.Start(i);
    if (s.ok()) {
      started.push_back(i);
      continue;
    }
    for (const std::uint32_t slot : started) slots_.BeginStop(slot);
    for (const std::uint32_t slot : started) slots_.Join(slot);
    return s;
  }
  Adopt(started);
  slots_.ApplySteering();
  SetState(GatewayState::kServing);
  control_ = std::thread(&ReactorPool::ControlLoop, this);
  return absl::OkStatus();
}

void ReactorPool::Stop() {
  if (stopped_) return;
  stopped_ = true;
  stopping_.store(true);
  cancel_.store(true);
  slots_.outbox().Interrupt();
  if (control_.joinable()) control_.join();
  const std::vector<std::uint32_t> running = slots_.Running();
  for (const std::uint32_t slot : running) slots_.BeginStop(slot);
  for (const std::uint32_t slot : running) slots_.Join(slot);
  for (std::uint32_t slot = slots_.count(); slot-- > 0;) slots_.Close(slot);
  SetState(GatewayState::kStopped);
}

std::vector<std::string> ReactorPool::listen_addresses() const { return slots_.addresses(); }

void ReactorPool::SetStateObserver(std::function<void(GatewayState)> observer) {
  observer_ = std::move(observer);
}

void ReactorPool::SetState(GatewayState state) {
  if (state_.exchange(state) == state) return;
  log_.Write(LogLevel::kInfo, absl::StrCat("gateway is ", Name(state)));
  if (observer_) observer_(state);
}

GatewayStats ReactorPool::Stats() const {
  GatewayStats stats;
  stats.state = state_.load();
  stats.steering_active = slots_.steering_active();
  stats.reactors = slots_.Stats();
  for (const ReactorStats& r : stats.reactors) stats.total += r.counters;
  return stats;
}

absl::StatusOr<Operation> ReactorPool::GetOperation(std::uint64_t id) const {
  return operations_.Get(id);
}

// ---- entering tasks ----

absl::Status ReactorPool::MayBegin() const {
  const GatewayState state = state_.load();
  if (stopping_.load() || state == GatewayState::kStopped) {
    return absl::UnavailableError("the gateway is stopping");
  }
  if (running_ || !tasks_.empty()) {
    return absl::FailedPreconditionError(
        "another operation is under way; wait for it (operation --watch) and try again");
  }
  if (state != GatewayState::kServing) {
    return absl::FailedPreconditionError(
        absl::StrCat("the gateway is ", Name(state), "; undrain it first"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Operation> ReactorPool::Enter(Request request, Operation operation) {
  Operation begun;
  {
    const std::scoped_lock lock(tasks_mutex_);
    if (absl::Status s = MayBegin(); !s.ok()) return s;
    cancel_.store(false);
    begun = operations_.Begin(std::move(operation));
    tasks_.push_back({std::move(request), begun.id});
  }
  slots_.outbox().Interrupt();
  return begun;
}

absl::Status ReactorPool::CheckReactor(std::uint32_t reactor) const {
  const std::vector<std::uint32_t> running = slots_.Running();
  if (std::find(running.begin(), running.end(), reactor) != running.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no reactor ", reactor, " runs; there are ", running.size()));
}

absl::Status ReactorPool::CheckDuration(std::chrono::nanoseconds d, const char* name) const {
  if (d >= std::chrono::nanoseconds(0) && d <= kDeadlineMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " must be between 0 and 24 hours"));
}

absl::StatusOr<Operation> ReactorPool::Resize(const ResizeRequest& request) {
  if (request.target < 1 || request.target > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("target must be 1 to ", kReactorsMax, ", not ", request.target));
  }
  if (absl::Status s = CheckDuration(request.deadline, "deadline"); !s.ok()) return s;
  return Enter(request, {.kind = OperationKind::kResize,
                         .reactors_before = static_cast<std::uint32_t>(slots_.Running().size()),
                         .reactors_target = request.target,
                         .dry_run = request.dry_run});
}

absl::StatusOr<Operation> ReactorPool::Move(const MoveRequest& request) {
  if (absl::Status s = CheckReactor(request.from); !s.ok()) return s;
  if (absl::Status s = CheckReactor(request.to); !s.ok()) return s;
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
  if (request.reactor) {
    if (absl::Status s = CheckReactor(*request.reactor); !s.ok()) return s;
    std::vector<std::uint32_t> others = slots_.InState(ReactorState::kServing);
    std::erase(others, *request.reactor);
    if (others.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("reactor ", *request.reactor,
                       " is the only one that serves; add reactors or drain the gateway"));
    }
    return Enter(request, {.kind = OperationKind::kDrainReactor, .reactor = *request.reactor});
  }
  Operation begun;
  {
    const std::scoped_lock lock(tasks_mutex_);
    const GatewayState state = state_.load();
    if (stopping_.load() || state == GatewayState::kStopped) {
      return absl::UnavailableError("the gateway is stopping");
    }
    auto drains = [](const Request& r) {
      const auto* d = std::get_if<DrainRequest>(&r);
      return d != nullptr && !d->reactor;
    };
    if (state != GatewayState::kServing || (running_ && drains(*running_)) ||
        std::any_of(tasks_.begin(), tasks_.end(),
                    [&drains](const Task& t) { return drains(t.request); })) {
      return absl::FailedPreconditionError(
          absl::StrCat("the gateway drains already; it is ", Name(state)));
    }
    // What is under way gives way: ending is the most urgent thing an operator can ask for.
    cancel_.store(running_.has_value() || !tasks_.empty());
    begun = operations_.Begin({.kind = OperationKind::kDrainGateway});
    tasks_.push_back({request, begun.id});
  }
  slots_.outbox().Interrupt();
  return begun;
}

absl::Status ReactorPool::SetAutoRebalance(bool enabled, std::optional<RebalancePolicy> policy) {
  const std::scoped_lock lock(tasks_mutex_);
  auto_rebalance_ = enabled;
  if (policy) auto_policy_ = *policy;
  slots_.outbox().Interrupt();
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
  for (const SteeringWeight& w : result) slots_.SetWeight(w.reactor, w.weight);
  slots_.ApplySteering();
  return result;
}

bool ReactorPool::AwaitIdle(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(tasks_mutex_);
  return idle_.wait_for(lock, timeout, [this] { return !running_ && tasks_.empty(); });
}

absl::StatusOr<GatewayState> ReactorPool::Undrain(std::optional<std::uint32_t> reactor) {
  constexpr std::chrono::seconds kPatience{10};
  if (reactor) {
    if (absl::Status s = CheckReactor(*reactor); !s.ok()) return s;
  }
  bool cancelled = false;
  {
    const std::scoped_lock lock(tasks_mutex_);
    if (stopping_.load()) return absl::UnavailableError("the gateway is stopping");
    auto is_it = [&reactor](const Request& r) {
      const auto* drain = std::get_if<DrainRequest>(&r);
      return drain != nullptr && drain->reactor == reactor;
    };
    if (const auto queued = std::find_if(tasks_.begin(), tasks_.end(),
                                         [&](const Task& t) { return is_it(t.request); });
        queued != tasks_.end()) {
      (void)operations_.Finish(queued->operation, OperationResult::kCancelled,
                               "undrained before it began");
      tasks_.erase(queued);
      return state_.load();
    }
    cancelled = running_ && is_it(*running_);
    if (cancelled) {
      cancel_.store(true);  // the drain takes itself back
    } else if (running_ || !tasks_.empty()) {
      return absl::FailedPreconditionError("another operation is under way; try again after it");
    } else if (reactor) {
      tasks_.push_back({UndrainReactor{*reactor}, 0});
    } else {
      tasks_.push_back({UndrainGateway{}, 0});
    }
  }
  slots_.outbox().Interrupt();
  if (!AwaitIdle(kPatience)) {
    return absl::DeadlineExceededError("the gateway takes long to come back; see its state");
  }
  if (cancelled && reactor && slots_.state(*reactor) != ReactorState::kServing) {
    return Undrain(reactor);  // it had ended before it saw the cancellation
  }
  if (cancelled && !reactor && state_.load() == GatewayState::kDrained) return Undrain(reactor);
  return state_.load();
}

// ---- the control thread ----

void ReactorPool::ControlLoop() {
  while (!stopping_.load()) {
    std::optional<Task> task;
    bool automatic = false;
    {
      const std::scoped_lock lock(tasks_mutex_);
      if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.erase(tasks_.begin());
        running_ = task->request;
      }
      automatic = auto_rebalance_;
    }
    if (task) {
      Carry(*task);
      const std::scoped_lock lock(tasks_mutex_);
      running_.reset();
      // A cancellation was for what has just ended.
      cancel_.store(stopping_.load());
      idle_.notify_all();
      continue;
    }
    if (!automatic && shares_set_) NeutralShares();
    if (automatic && std::chrono::steady_clock::now() >= next_tick_) {
      next_tick_ = std::chrono::steady_clock::now() + kTickInterval;
      AutoTick();
    }
    // Reports that come here are of commands that nobody waits for any more.
    (void)slots_.outbox().WaitFor(automatic ? kTickInterval : kIdleWait);
  }
}

void ReactorPool::Carry(const Task& task) {
  const std::uint64_t before = slots_.AcceptedFromAdopted();
  const Outcome outcome =
      std::visit([&](const auto& request) { return Do(request, task.operation); }, task.request);
  if (task.operation == 0) return;
  operations_.Update(task.operation, [&](Operation& o) {
    o.accepted_from_parked = slots_.AcceptedFromAdopted() - before;
  });
  (void)operations_.Finish(task.operation, outcome.result, outcome.message);
  log_.Write(outcome.result == OperationResult::kSucceeded ? LogLevel::kInfo : LogLevel::kWarning,
             absl::StrCat("operation ", task.operation, ": ", outcome.message));
}

void ReactorPool::Phase(std::uint64_t id, const char* name) {
  if (id != 0) operations_.BeginPhase(id, name);
}

bool ReactorPool::Pause(SteadyTime until) {
  while (!cancel_.load()) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= until) return false;
    (void)slots_.outbox().WaitFor(std::min<std::chrono::nanoseconds>(until - now, kAwaitSlice));
  }
  return true;
}

std::vector<Report> ReactorPool::Await(std::vector<std::uint64_t> ids, SteadyTime deadline,
                                       bool stop_on_cancel) {
  std::vector<Report> got;
  while (!ids.empty()) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= deadline || (stop_on_cancel && cancel_.load())) break;
    const auto wait = std::min<std::chrono::nanoseconds>(deadline - now, kAwaitSlice);
    const std::vector<Report> reports = slots_.outbox().WaitFor(wait);
    // While the process is stopped (SIGSTOP) the clock runs, but reactors do not: that does not
    // count against them.
    const auto overslept = std::chrono::steady_clock::now() - now - wait;
    if (overslept > kStoppedFor) deadline += overslept;
    for (const Report& report : reports) {
      const auto found = std::find(ids.begin(), ids.end(), report.id);
      if (found == ids.end()) continue;
      ids.erase(found);
      got.push_back(report);
    }
  }
  return got;
}

}  // namespace echogw
