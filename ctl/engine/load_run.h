// LoadRun: one load from start to result, on threads of its own. Owned by the command that asked
// for it; its calls belong to the owner's thread, but for Stop(), which is safe on any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "ctl/engine/load_thread.h"
#include "ctl/engine/options.h"
#include "ctl/engine/pattern.h"
#include "ctl/engine/result.h"
#include "ctl/engine/thread_group.h"

namespace echogw::ctl::load {

class LoadRun {
 public:
  struct Snapshot {
    std::uint64_t messages = 0;
    std::uint64_t connects = 0;
    std::uint64_t errors = 0;
    std::uint64_t open = 0;
  };

  // Starts the threads. INVALID_ARGUMENT for a CPU that this process may not use; another error
  // when the system has no thread or descriptor left. Nothing runs then.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<LoadRun>> Start(LoadOptions options);

  // Stops and joins.
  ~LoadRun();
  LoadRun(const LoadRun&) = delete;
  LoadRun& operator=(const LoadRun&) = delete;

  // Waits until all connections of a stream load have been tried and its traffic has begun; false
  // when `timeout` passed first.
  [[nodiscard]] bool WaitStarted(std::chrono::nanoseconds timeout) {
    return gate_.WaitOpen(timeout);
  }
  // Waits for the end of the load; false when `timeout` passed first.
  [[nodiscard]] bool WaitDone(std::chrono::nanoseconds timeout) {
    return threads_.WaitDone(timeout);
  }
  // Ends the load early: no new messages, the answers under way are still collected.
  void Stop() { stop_.store(true, std::memory_order_relaxed); }
  // Any time; not a consistent cut.
  [[nodiscard]] Snapshot Progress() const;
  // Waits for the end and gives the sum over the threads. Once.
  [[nodiscard]] LoadResult Finish();

 private:
  explicit LoadRun(LoadOptions options);
  [[nodiscard]] absl::Status StartThreads();

  const LoadOptions options_;
  const Pattern pattern_;
  StartGate gate_;
  // Set by Stop(), read by every thread of the load once a turn; hands nothing over.
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<LoadThread>> parts_;
  // Last, so that its threads end first.
  ThreadGroup threads_;
};

}  // namespace echogw::ctl::load
