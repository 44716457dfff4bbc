// SoakController: changes the gateway through its admin API while a soak runs: resizes and upgrades
// in turn and, between them, rebalances, moves and drains of one reactor. Each operation is
// followed to its end before the next one.
//
// Owned by the soak, with a thread of its own. Operations that fail or are refused are recorded and
// do not end it: the verdict of a soak is about connections.
#pragma once

#include <grpcpp/support/status.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ctl/engine/latency_histogram.h"
#include "ctl/gateway/call.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl::load {

struct ControlPlan {
  // Targets of Resize, in turn and from the start again; empty for none.
  std::vector<std::uint32_t> sizes;
  // Binaries to upgrade to, likewise.
  std::vector<std::string> binaries;
  // From the start of one step to that of the next; a step that takes longer delays the next.
  Duration every = std::chrono::seconds(1);
  // What else to do, in turn: after each fifth resize, or at each step when there are none.
  bool rebalance = false;
  bool move = false;
  bool drain_reactor = false;

  [[nodiscard]] bool empty() const {
    return sizes.empty() && binaries.empty() && !rebalance && !move && !drain_reactor;
  }
};

// The outcomes of the operations of one kind.
struct OperationTally {
  std::uint64_t succeeded = 0;
  // Ended, but failed, timed out or were cancelled.
  std::uint64_t failed = 0;
  // The call itself was answered with an error.
  std::uint64_t refused = 0;
  // Of the succeeded ones, as the gateway says.
  LatencyHistogram elapsed;
};

struct ControlRecord {
  static constexpr std::size_t kFailures = 10;

  struct Failure {
    std::chrono::system_clock::time_point time;
    std::string kind;
    std::string text;
  };

  // By "resize", "upgrade", "rebalance", "move", "drain" and "undrain".
  std::map<std::string, OperationTally> tallies;
  std::vector<Failure> failures;
  // Sums over the reports of all operations.
  std::uint64_t connections_moved = 0;
  std::uint64_t connections_closed = 0;
  std::uint64_t connections_reset = 0;
  std::uint64_t accepted_from_parked = 0;
  // Of the whole network namespace, at the start of the first operation and the end of the last.
  std::optional<admin::v1::KernelCounters> kernel_before;
  std::optional<admin::v1::KernelCounters> kernel_after;

  [[nodiscard]] std::uint64_t Succeeded() const;
  // Failed or refused.
  [[nodiscard]] std::uint64_t Unsuccessful() const;
};

class SoakController {
 public:
  // `client` outlives it; its stub is made here, on the caller's thread.
  SoakController(Client& client, ControlPlan plan);
  ~SoakController() { Stop(); }

  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  // Ends after the operation under way, with a drained reactor undrained. Blocks until then.
  void Stop();
  // After Stop().
  [[nodiscard]] const ControlRecord& record() const { return record_; }
  // Operations that succeeded, and that did not. Any thread.
  [[nodiscard]] std::uint64_t succeeded() const {
    return succeeded_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t unsuccessful() const {
    return unsuccessful_.load(std::memory_order_relaxed);
  }

 private:
  void Run();
  // True when the soak ends before `time`.
  [[nodiscard]] bool WaitUntil(std::chrono::steady_clock::time_point time);
  // One of the extras, in turn. They need two serving reactors; with fewer the turn is skipped.
  void Extra();
  void Rebalance(const std::vector<std::uint32_t>& serving);
  void Move(const std::vector<std::uint32_t>& serving);
  void DrainAndUndrain(const std::vector<std::uint32_t>& serving);
  [[nodiscard]] std::vector<std::uint32_t> ServingReactors();
  // Begins an operation and follows it to its end. False when it was refused.
  template <auto kMethod>
  bool Operate(const std::string& kind, const RequestOf<kMethod>& request);
  // The operation at its end, or as last seen when the gateway says no more about it.
  [[nodiscard]] admin::v1::Operation WaitForEnd(admin::v1::Operation operation);
  void NoteEnd(const std::string& kind, const admin::v1::Operation& operation);
  void NoteRefusal(const std::string& kind, const grpc::Status& status);
  void NoteFailure(const std::string& kind, std::string text);

  Client& client_;
  const ControlPlan plan_;
  std::vector<void (SoakController::*)(const std::vector<std::uint32_t>&)> extras_;
  std::uint64_t extras_done_ = 0;
  ControlRecord record_;
  // Written by the thread, read by progress lines; each stands for itself.
  std::atomic<std::uint64_t> succeeded_{0};
  std::atomic<std::uint64_t> unsuccessful_{0};
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  // Under mutex_.
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace echogw::ctl::load
