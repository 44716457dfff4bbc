// The way from callers to the control thread: a request is checked and entered as a task, or
// refused. One task runs at a time; only a drain of the gateway may wait behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/mutex.h"
#include "server/pool/pool_context.h"
#include "server/pool/request_checks.h"

namespace echogw::server {

struct Task {
  Request request;
  std::uint64_t operation = 0;  // 0: not shown as an operation
  std::uint64_t number = 0;     // counts up
  SteadyTime requested{};
};

class TaskQueue {
 public:
  explicit TaskQueue(PoolContext& pool) : pool_(pool) {}

  // ---- any thread ----

  // Enters the request as `operation`, which is returned as it begins.
  absl::StatusOr<Operation> Enter(Request request, Operation operation);
  // Cancels the running operation and enters the drain behind it.
  absl::StatusOr<Operation> EnterGatewayDrain(const DrainRequest& request);
  // The same for the drain that precedes the stop. It also cancels waiting operations and takes
  // the place of a running drain; from then on every other request is refused.
  absl::StatusOr<Operation> EnterLastDrain(const DrainRequest& request);
  // Cancels the drain of the reactor or the gateway, or undoes it. Waits until that has ended.
  absl::StatusOr<GatewayState> Undrain(std::optional<std::uint32_t> reactor);
  // Calls `change` if no task runs; none begins before it returns.
  absl::Status WhenIdle(const std::function<absl::Status()>& change);
  // Refuses requests from now on, and cancels every task.
  void Stop();

  // ---- control thread ----

  // The next task, which runs from now on.
  [[nodiscard]] std::optional<Task> Next();
  // Ends the running task and its operation at once.
  void End(const Task& task, const Outcome& outcome);

 private:
  // Fails while the gateway starts or stops, and where another process has taken over.
  [[nodiscard]] absl::Status TakesRequests() const;
  // Fails as well if it does not serve or is busy.
  [[nodiscard]] absl::Status MayBegin() const ECHOGW_REQUIRES(mutex_);
  // Ends every operation that has not begun.
  void CancelWaiting() ECHOGW_REQUIRES(mutex_);
  // Returns the number of the task.
  std::uint64_t Push(Request request, std::uint64_t operation) ECHOGW_REQUIRES(mutex_);
  // Takes a drain that waits off the queue; whether there was one.
  bool EraseDrain(std::optional<std::uint32_t> reactor) ECHOGW_REQUIRES(mutex_);
  // Waits until the task has ended; fails if that takes too long or the gateway stops.
  [[nodiscard]] absl::Status AwaitEnd(std::uint64_t task, SteadyTime deadline)
      ECHOGW_REQUIRES(mutex_);

  PoolContext& pool_;
  mutable Mutex mutex_;
  CondVar ended_;
  std::vector<Task> tasks_ ECHOGW_GUARDED_BY(mutex_);  // at most one, and a gateway drain
  std::optional<Task> running_ ECHOGW_GUARDED_BY(mutex_);
  std::uint64_t last_task_ ECHOGW_GUARDED_BY(mutex_) = 0;   // number of the last one entered
  std::uint64_t ended_task_ ECHOGW_GUARDED_BY(mutex_) = 0;  // all up to it have ended
};

}  // namespace echogw::server
