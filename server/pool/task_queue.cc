#include "server/pool/task_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

constexpr std::chrono::seconds kUndrainTimeout{10};

// Whether the task drains the reactor, or the gateway if that is unset.
bool Drains(const Task& task, std::optional<std::uint32_t> reactor) {
  const auto* drain = std::get_if<DrainRequest>(&task.request);
  return drain != nullptr && drain->reactor == reactor;
}

}  // namespace

absl::Status TaskQueue::TakesRequests() const {
  const GatewayState state = pool_.state.load();
  if (pool_.ending.load() || state == GatewayState::kStopped) {
    return absl::UnavailableError("the gateway is stopping");
  }
  if (absl::Status s = pool_.CheckServesHere(); !s.ok()) return s;
  if (state == GatewayState::kStarting) {
    return absl::FailedPreconditionError("the gateway is starting; try again");
  }
  return absl::OkStatus();
}

absl::Status TaskQueue::MayBegin() const {
  if (absl::Status s = TakesRequests(); !s.ok()) return s;
  if (running_ || !tasks_.empty()) {
    return absl::FailedPreconditionError(
        "another operation is under way; wait for it (operation --watch) and try again");
  }
  if (const GatewayState state = pool_.state.load(); state != GatewayState::kServing) {
    return absl::FailedPreconditionError(
        absl::StrCat("the gateway is ", Name(state), "; undrain it first"));
  }
  return absl::OkStatus();
}

std::uint64_t TaskQueue::Push(Request request, std::uint64_t operation) {
  tasks_.push_back({std::move(request), operation, ++last_task_, std::chrono::steady_clock::now()});
  pool_.task_waiting.store(true);
  pool_.reactors.reports().Interrupt();
  return last_task_;
}

absl::StatusOr<Operation> TaskQueue::Enter(Request request, Operation operation) {
  const MutexLock lock(mutex_);
  if (absl::Status s = MayBegin(); !s.ok()) return s;
  if (absl::Status s = CheckReactors(pool_, request); !s.ok()) return s;
  pool_.cancelled.store(false);
  if (operation.kind == OperationKind::kResize) {
    operation.reactors_before = static_cast<std::uint32_t>(pool_.reactors.Running().size());
  }
  Operation begun = pool_.operations.Begin(std::move(operation));
  Push(std::move(request), begun.id);
  return begun;
}

absl::StatusOr<Operation> TaskQueue::EnterGatewayDrain(const DrainRequest& request) {
  const MutexLock lock(mutex_);
  if (absl::Status s = TakesRequests(); !s.ok()) return s;
  const GatewayState state = pool_.state.load();
  if (state != GatewayState::kServing || (running_ && Drains(*running_, std::nullopt)) ||
      std::any_of(tasks_.begin(), tasks_.end(),
                  [](const Task& task) { return Drains(task, std::nullopt); })) {
    return absl::FailedPreconditionError(
        absl::StrCat("the gateway is already draining; its state is ", Name(state)));
  }
  pool_.cancelled.store(running_.has_value() || !tasks_.empty());
  Operation begun = pool_.operations.Begin({.kind = OperationKind::kDrainGateway});
  Push(request, begun.id);
  return begun;
}

absl::StatusOr<Operation> TaskQueue::EnterLastDrain(const DrainRequest& request) {
  const MutexLock lock(mutex_);
  // What stayed here when another process took over is drained, too.
  if (pool_.ending.load() || pool_.state.load() == GatewayState::kStarting) return TakesRequests();
  pool_.ending.store(true);
  CancelWaiting();
  pool_.cancelled.store(running_.has_value());
  Operation begun = pool_.operations.Begin({.kind = OperationKind::kDrainGateway});
  Push(request, begun.id);
  return begun;
}

absl::Status TaskQueue::WhenIdle(const std::function<absl::Status()>& change) {
  const MutexLock lock(mutex_);
  if (absl::Status s = MayBegin(); !s.ok()) return s;
  return change();
}

bool TaskQueue::EraseDrain(std::optional<std::uint32_t> reactor) {
  const auto waiting = std::find_if(tasks_.begin(), tasks_.end(),
                                    [&](const Task& task) { return Drains(task, reactor); });
  if (waiting == tasks_.end()) return false;
  (void)pool_.operations.Finish(waiting->operation, OperationResult::kCancelled,
                                "undrained before it began");
  tasks_.erase(waiting);
  return true;
}

absl::StatusOr<GatewayState> TaskQueue::Undrain(std::optional<std::uint32_t> reactor) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + kUndrainTimeout;
  auto serves = [&] {
    return reactor ? pool_.reactors.state(*reactor) == ReactorState::kServing
                   : pool_.state.load() != GatewayState::kDrained;
  };
  const MutexLock lock(mutex_);
  for (bool cancelled = true; cancelled;) {
    if (absl::Status s = TakesRequests(); !s.ok()) return s;
    if (reactor) {
      if (absl::Status s = CheckReactor(pool_, *reactor); !s.ok()) return s;
    }
    // The reactor may have been drained before, wholly or in part.
    if (EraseDrain(reactor) && (!reactor || serves())) break;
    cancelled = running_ && Drains(*running_, reactor);
    std::uint64_t task = 0;
    if (cancelled) {
      pool_.cancelled.store(true);  // the drain undoes itself
      pool_.reactors.reports().Interrupt();
      task = running_->number;
    } else if (running_ || !tasks_.empty()) {
      return absl::FailedPreconditionError("another operation is under way; try again after it");
    } else {
      task = Push(UndrainRequest{reactor}, 0);
    }
    if (absl::Status s = AwaitEnd(task, deadline); !s.ok()) return s;
    if (serves()) break;  // else the drain had ended before it saw the cancellation
  }
  return pool_.state.load();
}

absl::Status TaskQueue::AwaitEnd(std::uint64_t task, SteadyTime deadline) {
  bool in_time = true;
  while (ended_task_ < task && !pool_.ending.load() && in_time) {
    in_time = ended_.WaitUntil(mutex_, deadline);
  }
  if (ended_task_ >= task) return absl::OkStatus();
  if (pool_.ending.load()) return TakesRequests();
  return absl::DeadlineExceededError("the gateway is slow to return to service; check its state");
}

void TaskQueue::Stop() {
  const MutexLock lock(mutex_);
  pool_.ending.store(true);
  pool_.stopping.store(true);
  pool_.cancelled.store(true);
  pool_.task_waiting.store(true);
  CancelWaiting();
  pool_.reactors.reports().Interrupt();
}

void TaskQueue::CancelWaiting() {
  for (const Task& task : tasks_) {
    if (task.operation == 0) continue;
    (void)pool_.operations.Finish(task.operation, OperationResult::kCancelled, kStoppedFirst);
  }
  tasks_.clear();
  ended_.NotifyAll();
}

std::optional<Task> TaskQueue::Next() {
  const MutexLock lock(mutex_);
  pool_.task_waiting.store(tasks_.size() > 1 || pool_.stopping.load());
  if (tasks_.empty()) return std::nullopt;
  running_ = std::move(tasks_.front());
  tasks_.erase(tasks_.begin());
  return running_;
}

void TaskQueue::End(const Task& task, const Outcome& outcome) {
  const MutexLock lock(mutex_);
  if (task.operation != 0) {
    (void)pool_.operations.Finish(task.operation, outcome.result, outcome.message);
  }
  running_.reset();
  ended_task_ = task.number;
  pool_.cancelled.store(pool_.stopping.load());  // a cancellation was for the task that ended
  ended_.NotifyAll();
}

}  // namespace echogw::server
