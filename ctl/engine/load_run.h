// LoadRun: one load from start to result, on threads of its own: of connections with LoadThread, of
// datagrams with UdpThread. Owned by the command that asked for it; its calls belong to the owner's
// thread, but for Stop(), which is safe on any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ctl/engine/load_thread.h"
#include "ctl/engine/options.h"
#include "ctl/engine/pattern.h"
#include "ctl/engine/thread_group.h"
#include "ctl/engine/udp_thread.h"

namespace echogw::ctl::load {

template <typename Thread>
class BasicLoadRun {
 public:
  using Options = typename Thread::Options;
  using Result = typename Thread::Result;

  struct Snapshot {
    std::uint64_t messages = 0;
    std::uint64_t connects = 0;
    std::uint64_t errors = 0;
    std::uint64_t open = 0;
  };

  // Starts the threads. INVALID_ARGUMENT for options that cannot run, such as a CPU that this
  // process may not use; another error when the system has no thread or descriptor left. Nothing
  // runs then.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<BasicLoadRun>> Start(Options options) {
    if (absl::Status status = Thread::Check(options); !status.ok()) return status;
    if (absl::Status status = CheckCpus(options.cpus); !status.ok()) return status;
    std::unique_ptr<BasicLoadRun> run(new BasicLoadRun(std::move(options)));
    if (absl::Status status = run->StartThreads(); !status.ok()) return status;
    return run;
  }

  // Stops and joins.
  ~BasicLoadRun() {
    Stop();
    threads_.Join();
  }

  // Waits until a stream load has tried its connections and begun; false after `timeout`.
  [[nodiscard]] bool WaitStarted(Duration timeout) { return gate_.WaitOpen(timeout); }
  // Waits for the end of the load; false when `timeout` passed first.
  [[nodiscard]] bool WaitDone(Duration timeout) { return threads_.WaitDone(timeout); }
  // Ends the load early: no new messages, outstanding answers are still collected.
  void Stop() { stop_.store(true, std::memory_order_relaxed); }
  // Any time; not a consistent cut.
  [[nodiscard]] Snapshot Progress() const {
    Snapshot sum;
    for (const auto& part : parts_) {
      const LoadProgress& progress = part->progress();
      sum.messages += progress.messages.load(std::memory_order_relaxed);
      sum.connects += progress.connects.load(std::memory_order_relaxed);
      sum.errors += progress.errors.load(std::memory_order_relaxed);
      sum.open += progress.open.load(std::memory_order_relaxed);
    }
    return sum;
  }
  // Waits for the end and gives the sum over the threads. Once.
  [[nodiscard]] Result Finish() {
    threads_.Join();
    Result result = parts_.front()->TakeResult();
    for (std::size_t i = 1; i < parts_.size(); ++i) result.Merge(parts_[i]->TakeResult());
    return result;
  }

 private:
  explicit BasicLoadRun(Options options)
      : options_(std::move(options)), pattern_(options_.seed), gate_(options_.threads) {}

  [[nodiscard]] absl::Status StartThreads() {
    for (const LoadShare& share : SharesOf(options_)) {
      parts_.push_back(std::make_unique<Thread>(options_, pattern_, share, gate_, stop_));
      if (absl::Status status = parts_.back()->Open(); !status.ok()) return status;
    }
    absl::Status status =
        threads_.Start(parts_.size(), options_.cpus, [this](std::size_t i) { parts_[i]->Run(); });
    if (!status.ok()) {
      // The others would wait at the gate without end.
      Stop();
      gate_.Abandon(parts_.size() - threads_.started());
    }
    return status;
  }

  const Options options_;
  const Pattern pattern_;
  StartGate gate_;
  // Set by Stop(), read by every thread of the load once a turn; guards no other data.
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Thread>> parts_;
  // Last, so that its threads end first.
  ThreadGroup threads_;
};

using LoadRun = BasicLoadRun<LoadThread>;
using UdpLoadRun = BasicLoadRun<UdpThread>;

}  // namespace echogw::ctl::load
