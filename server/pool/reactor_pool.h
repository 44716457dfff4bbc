// The reactors as one gateway: it starts and stops them, resizes, drains, moves and rebalances, and
// never closes a connection to do so (a drain of the whole gateway apart).
//
// One control thread carries out every change, one operation at a time, by commands to reactors
// whose reports it awaits. Callers on other threads hand it a task and read values; the three locks
// (tasks, slots, operations) are held for copies only and never one inside another's wait.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "server/pool/balance.h"
#include "server/pool/connection_inspector.h"
#include "server/pool/control.h"
#include "server/pool/operation_log.h"
#include "server/pool/slot.h"

namespace echogw::server {

class ReactorPool final : public Control {
 public:
  // Binds and listens on every address for every reactor; no thread starts. Errors name the address
  // (AlreadyExists: port in use) or the limit that was passed (InvalidArgument).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ReactorPool>> Create(
      const PoolOptions& options, LogSink& log);

  // Stops.
  ~ReactorPool() override;

  // Starts the reactors and the control thread. If one cannot start, none runs.
  [[nodiscard]] absl::Status Start();

  // Ends the running operation, and one that waits, as cancelled, then stops and joins all threads.
  // Connections that are left are reset: drain first. A second call does nothing.
  void Stop();

  // "HOST:PORT" of every listen address, with real ports.
  [[nodiscard]] std::vector<std::string> listen_addresses() const;
  // The same for UDP; may be empty.
  [[nodiscard]] std::vector<std::string> udp_addresses() const;

  // Called with every new state, on the control thread. Set before Start.
  void SetStateObserver(std::function<void(GatewayState)> observer);

  // Called with every operation that has ended, on the control thread. Set before Start.
  void SetOperationObserver(std::function<void(const Operation&)> observer);

  // Single connections. Lives as long as the pool; all watches must be gone before.
  [[nodiscard]] ConnectionControl& connections() { return desk_; }

  [[nodiscard]] GatewayStats Stats() const override;
  absl::StatusOr<Operation> Resize(const ResizeRequest& request) override;
  absl::StatusOr<Operation> Move(const MoveRequest& request) override;
  absl::StatusOr<Operation> Rebalance(const RebalanceRequest& request) override;
  // A drain of the gateway cancels an operation under way and follows it.
  absl::StatusOr<Operation> Drain(const DrainRequest& request) override;
  absl::Status SetAutoRebalance(bool enabled, std::optional<RebalancePolicy> policy) override;
  [[nodiscard]] bool auto_rebalance() const override;
  absl::StatusOr<std::vector<SteeringWeight>> SetSteering(
      const std::vector<SteeringWeight>& weights, bool reset) override;
  [[nodiscard]] Limits GetLimits() const override;
  absl::StatusOr<ChangedLimits> SetLimits(const LimitsChange& change) override;
  [[nodiscard]] ConnectionLimiter& limiter() { return slots_.limiter(); }
  absl::StatusOr<GatewayState> Undrain(std::optional<std::uint32_t> reactor) override;
  [[nodiscard]] absl::StatusOr<Operation> GetOperation(std::uint64_t id) const override;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  // Reactors answer between two batches of events; this is for one that is starved of CPU.
  static constexpr std::chrono::seconds kAnswerPatience{60};
  [[nodiscard]] static SteadyTime Patience() {
    return std::chrono::steady_clock::now() + kAnswerPatience;
  }

  struct UndrainGateway {};
  struct UndrainReactor {
    std::uint32_t reactor = 0;
  };
  using Request = std::variant<ResizeRequest, MoveRequest, RebalanceRequest, DrainRequest,
                               UndrainGateway, UndrainReactor>;
  struct Task {
    Request request;
    std::uint64_t operation = 0;  // 0: none is shown
    std::uint64_t number = 0;     // counts up
  };
  struct MoveUnderWay {
    std::uint32_t from = 0;
    std::uint64_t command = 0;
  };
  struct LoadSample {
    SteadyTime time;
    std::vector<CounterSnapshot> counters;  // by slot
  };
  struct Outcome {
    OperationResult result = OperationResult::kSucceeded;
    std::string message;
  };

  ReactorPool(const PoolOptions& options, LogSink& log);

  // ---- any thread (pool_requests.cc) ----
  // Fails if the gateway does not serve or is busy. Requires tasks_mutex_.
  [[nodiscard]] absl::Status MayBegin() const;
  // Fails if the reactors a request names are not there or not in a state for it. Requires
  // tasks_mutex_ and that MayBegin is ok: nothing changes these states before the request runs.
  [[nodiscard]] absl::Status CheckNamed(const Request& request) const;
  absl::StatusOr<Operation> Enter(Request request, Operation operation);
  absl::StatusOr<Operation> EnterGatewayDrain(const DrainRequest& request);
  // Requires tasks_mutex_. Returns the number of the task.
  std::uint64_t Push(Request request, std::uint64_t operation);
  [[nodiscard]] absl::Status CheckReactor(std::uint32_t reactor) const;
  [[nodiscard]] absl::Status CheckServing(std::uint32_t reactor) const;
  [[nodiscard]] absl::Status CheckDuration(std::chrono::nanoseconds d, const char* name) const;
  // Waits until the task has ended; fails when it takes too long or the gateway stops.
  [[nodiscard]] absl::Status AwaitEnd(std::uint64_t task);

  // ---- control thread ----
  void ControlLoop();
  [[nodiscard]] Outcome Carry(const Task& task);
  // Marks the task as ended: its operation and the pool become free in one.
  void End(const Task& task, const Outcome& outcome);
  [[nodiscard]] Outcome Do(const ResizeRequest& request, std::uint64_t id);
  [[nodiscard]] Outcome Do(const MoveRequest& request, std::uint64_t id);
  [[nodiscard]] Outcome Do(const RebalanceRequest& request, std::uint64_t id);
  [[nodiscard]] Outcome Do(const DrainRequest& request, std::uint64_t id);
  [[nodiscard]] Outcome Do(const UndrainGateway& request, std::uint64_t id);
  [[nodiscard]] Outcome Do(const UndrainReactor& request, std::uint64_t id);
  void SetState(GatewayState state);
  void Phase(std::uint64_t id, const char* name);
  // Reports of the commands `ids`, all of them unless the deadline passes or `stop_on_cancel` and
  // the operation is cancelled.
  [[nodiscard]] std::vector<Report> Await(std::vector<std::uint64_t> ids, SteadyTime deadline,
                                          bool stop_on_cancel);
  // Waits; true at once when the operation is cancelled.
  [[nodiscard]] bool Pause(SteadyTime until);
  // Posts a command with a new id to each of `slots`, and awaits the reports.
  template <typename MakeCommand>
  std::vector<Report> Ask(const std::vector<std::uint32_t>& slots, SteadyTime deadline,
                          MakeCommand make);

  // pool_resize.cc
  [[nodiscard]] Outcome Grow(std::uint32_t from, const ResizeRequest& request, std::uint64_t id);
  [[nodiscard]] Outcome Shrink(std::uint32_t from, const ResizeRequest& request, std::uint64_t id);
  // New connections go to the serving reactors, by weight. Whoever deals connections out knows it
  // when this returns: none is on its way to a reactor that is about to end.
  void Steer();
  // Waits until what other reactors have sent to these is counted as theirs, so that whoever sees
  // the end of a move sees its effect.
  void AwaitArrivals(const std::vector<std::uint32_t>& reactors);
  // Reactors that serve accept for those of `slots` that nobody accepts for yet.
  void Park(const std::vector<std::uint32_t>& slots);
  [[nodiscard]] bool HandOver(std::uint32_t from, const std::vector<std::uint32_t>& to);
  [[nodiscard]] bool GiveBack(std::uint32_t slot);
  void Adopt(const std::vector<std::uint32_t>& slots);
  // Moves all connections of `from`; false if some are left at the deadline.
  [[nodiscard]] bool MoveAll(const std::vector<std::uint32_t>& from,
                             const std::vector<std::uint32_t>& to, SteadyTime deadline,
                             std::uint64_t id);
  // Reports of the moves under way. At the deadline, or when `stop_on_cancel` and the operation is
  // cancelled, those that are not done are halted: none goes on behind the back of what comes next.
  [[nodiscard]] std::vector<Report> AwaitMoves(const std::vector<MoveUnderWay>& moves,
                                               SteadyTime deadline, bool stop_on_cancel);
  void Retire(const std::vector<std::uint32_t>& slots);
  void TakeBack(const std::vector<std::uint32_t>& slots);

  // pool_drain.cc
  [[nodiscard]] Outcome DrainReactor(const DrainRequest& request, std::uint64_t id);
  [[nodiscard]] Outcome DrainGateway(const DrainRequest& request, std::uint64_t id);
  [[nodiscard]] bool AwaitQuiet(const DrainRequest& request, SteadyTime begun, std::uint64_t id);
  [[nodiscard]] bool AwaitFinished(std::uint32_t reactor, SteadyTime deadline, std::uint64_t id);
  [[nodiscard]] Outcome CloseAll(const DrainRequest& request, SteadyTime begun, std::uint64_t id);
  [[nodiscard]] absl::Status Refuse(RefuseMode mode);
  void Admit(const SetAdmission& admission);
  void BackToService();
  // How a drain of the gateway ends that was cancelled.
  [[nodiscard]] Outcome Undrained();

  // pool_rebalance.cc
  [[nodiscard]] LoadSample Sample() const;
  [[nodiscard]] std::vector<ReactorLoad> LoadsSince(const LoadSample& before,
                                                    RebalancePolicy policy) const;
  [[nodiscard]] std::vector<ReactorLoad> Measure(RebalancePolicy policy);
  // Connections moved; fewer than planned if some were gone or the operation was cancelled.
  std::uint64_t CarryOut(const std::vector<PlannedMove>& moves, Nanos residency_min,
                         std::uint64_t id);
  void AutoTick();
  void NeutralShares();

  const PoolOptions options_;
  LogSink& log_;
  SlotSet slots_;
  ConnectionInspector desk_;
  OperationLog operations_;
  std::function<void(GatewayState)> observer_;
  std::function<void(const Operation&)> operation_observer_;
  std::thread control_;

  // Writer: the control thread. Readers: any thread; they conclude nothing about other memory.
  std::atomic<GatewayState> state_{GatewayState::kStarting};
  // Writers: Undrain, Drain, Stop, and the control thread that takes it back. Reader: the control
  // thread; it acts on the flag alone.
  std::atomic<bool> cancel_{false};
  std::atomic<bool> stopping_{false};

  // One change of limits at a time. Their answers.
  std::mutex limits_mutex_;
  PendingReplies limits_taken_;

  mutable std::mutex tasks_mutex_;
  std::condition_variable ended_;
  std::vector<Task> tasks_;       // under tasks_mutex_; at most one, and a gateway drain
  std::optional<Task> running_;   // under tasks_mutex_
  std::uint64_t last_task_ = 0;   // under tasks_mutex_; number of the last one that was pushed
  std::uint64_t ended_task_ = 0;  // under tasks_mutex_; all up to it have ended
  bool auto_rebalance_ = false;   // under tasks_mutex_
  RebalancePolicy auto_policy_ = RebalancePolicy::kConnections;  // under tasks_mutex_

  // Control thread only.
  LoadSample sample_;
  SteadyTime next_tick_{};
  int ticks_uneven_ = 0;
  bool shares_set_ = false;
  // Left draining by a shrink whose time ran out: the next resize ends or takes back each.
  std::set<std::uint32_t> retiring_;
  bool stopped_ = false;  // the thread that calls Stop
};

// The most reactors and connections a request may name are checked here; durations in requests are
// at most this long.
inline constexpr std::chrono::hours kDeadlineMax{24};

// Of operations that the end of the gateway cut short.
inline constexpr char kStoppedFirst[] = "the gateway stopped first";

[[nodiscard]] const char* GatewayStateName(GatewayState state);

template <typename MakeCommand>
std::vector<Report> ReactorPool::Ask(const std::vector<std::uint32_t>& slots, SteadyTime deadline,
                                     MakeCommand make) {
  std::vector<std::uint64_t> ids;
  for (const std::uint32_t slot : slots) {
    const std::uint64_t id = slots_.NextCommandId();
    slots_.PostBlocking(slot, make(id, slot));
    ids.push_back(id);
  }
  return Await(std::move(ids), deadline, false);
}

}  // namespace echogw::server
