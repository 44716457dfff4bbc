// LoadThread: the phases of one client thread of a load: it opens its connections, waits for the
// others at the gate, sends what is due, and collects the last answers. All its parts belong to
// that thread; only the progress is shared.
//
// Owned by a LoadRun. Open() runs on the thread of the owner before Run(), which is the body of the
// thread; TakeResult() is for after the join.
#pragma once

#include <atomic>

#include "absl/status/status.h"
#include "ctl/engine/connection_driver.h"
#include "ctl/engine/connection_slots.h"
#include "ctl/engine/event_wait.h"
#include "ctl/engine/measured_window.h"
#include "ctl/engine/options.h"
#include "ctl/engine/pattern.h"
#include "ctl/engine/result.h"
#include "ctl/engine/schedule.h"
#include "ctl/engine/thread_group.h"

namespace echogw::ctl::load {

class LoadThread {
 public:
  using Options = LoadOptions;
  using Result = LoadResult;

  // INVALID_ARGUMENT for options that cannot run.
  [[nodiscard]] static absl::Status Check(const LoadOptions& options);
  // All references outlive the thread. `stop` is never cleared and guards no other data.
  LoadThread(const LoadOptions& options, const Pattern& pattern, const LoadShare& share,
             StartGate& gate, const std::atomic<bool>& stop);

  [[nodiscard]] absl::Status Open() { return wait_.Open(); }
  void Run();
  [[nodiscard]] LoadResult TakeResult();
  [[nodiscard]] const LoadProgress& progress() const { return progress_; }

 private:
  void OpenStreams();
  void StartTraffic(LoadTime start);
  void Turn();
  [[nodiscard]] bool IsOver(LoadTime now) const;
  void BeginStop(LoadTime now);
  void StartConnects(LoadTime now);
  void SendDue(LoadTime now);
  void CheckTimeouts(LoadTime now);
  void FinishAll();
  // When to look for what only time brings about, and when something is to be sent or connected.
  [[nodiscard]] LoadTime NextCheck(LoadTime now) const;
  [[nodiscard]] LoadTime NextDue(LoadTime now) const;
  void Publish();
  [[nodiscard]] bool churn() const { return options_.mode == LoadMode::kChurn; }
  [[nodiscard]] bool stopped() const { return stop_.load(std::memory_order_relaxed); }

  const LoadOptions& options_;
  StartGate& gate_;
  const std::atomic<bool>& stop_;
  EventWait wait_;
  Schedule schedule_;
  MeasuredWindow window_;
  ConnectionSlots slots_;
  ConnectionDriver driver_;

  bool traffic_ = false;
  LoadTime drain_until_ = LoadTime::max();
  LoadTime next_timeout_check_;
  LoadProgress progress_;
};

}  // namespace echogw::ctl::load
