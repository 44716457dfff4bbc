// What the parts of a pool share. Its functions are for the control thread, except those marked
// "any thread".
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/mutex.h"
#include "server/pool/control.h"
#include "server/pool/counter_base.h"
#include "server/pool/listener_group.h"
#include "server/pool/operation_log.h"
#include "server/pool/options.h"
#include "server/pool/reactor_set.h"
#include "server/pool/steering.h"

namespace echogw::server {

// The steps of operations. Their names appear in the progress of an operation.
enum class Phase : std::uint8_t {
  kStart,
  kAdoptListeners,
  kSteer,
  kParkListeners,
  kMoveConnections,
  kJoin,
  kFinish,
  kMeasure,
  kUnhealthy,
  kQuiet,
  kRefusing,
  kClosing,
  kQuiesce,
  kCommit,
};
inline constexpr auto kPhaseNames = std::to_array<const char*>(
    {"start", "adopt-listeners", "steer", "park-listeners", "move-connections", "join", "finish",
     "measure", "unhealthy", "quiet", "refusing", "closing", "quiesce", "commit"});
static_assert(kPhaseNames.size() == static_cast<std::size_t>(Phase::kCommit) + 1);

// How a request ended.
struct Outcome {
  Outcome() = default;
  // The message is the concatenation of `parts`.
  template <typename... Parts>
  Outcome(OperationResult r, const Parts&... parts) : result(r), message(absl::StrCat(parts...)) {}

  OperationResult result = OperationResult::kSucceeded;
  std::string message;
};

// Of operations that were cut short by the end of the gateway.
inline constexpr char kStoppedFirst[] = "the gateway stopped first";

class PoolContext {
 public:
  PoolContext(const PoolOptions& pool_options, LogSink& sink);

  void Begin(Phase phase);
  // Applies `change` to the running operation.
  template <typename Change>
  void Update(Change change) {
    if (operation != 0) operations.Update(operation, change);
  }
  // Waits; true at once when the operation is cancelled.
  [[nodiscard]] bool Pause(SteadyTime until);
  void SetState(GatewayState next);
  // Unavailable if another process has taken over.
  [[nodiscard]] absl::Status CheckServesHere() const;

  const PoolOptions options;
  LogSink& log;
  ListenerGroup listeners;
  CounterBase base;
  ReactorSet reactors;
  Steering steering;
  OperationLog operations;
  std::function<void(GatewayState)> state_observer;
  std::function<void(const Operation&)> operation_observer;

  // Writer: the control thread. Readers: any thread; they conclude nothing about other memory.
  std::atomic<GatewayState> state{GatewayState::kStarting};
  // Cancels what runs on the control thread. Writer: TaskQueue, which interrupts the wait for
  // reports after it. The control thread acts on the flags alone.
  std::atomic<bool> cancelled{false};
  std::atomic<bool> stopping{false};
  // The last drain was entered: nothing returns to service. Set once, with the same writer.
  std::atomic<bool> ending{false};
  // Another process has the sockets and the connections. Set once, by the control thread.
  std::atomic<bool> handed_over{false};
  // Ends a step of automatic rebalancing.
  std::atomic<bool> task_waiting{false};

  // Held during a change of limits or of automatic rebalancing, and while another process takes
  // over with those in force.
  Mutex limits_mutex;
  // Constant once the control thread runs.
  Lineage lineage;

  // ---- control thread only ----
  std::uint64_t operation = 0;  // the running one; 0: none that is shown
  SteadyTime requested{};       // when the running task was entered
  // Left draining by a shrink whose deadline passed: the next resize ends or takes back each.
  std::set<std::uint32_t> retiring;
};

}  // namespace echogw::server
