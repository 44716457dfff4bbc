// SoakTraffic: the clients of a soak: churn clients, which open, use and close connections in a
// loop, and held connections, which stay open and in use from start to end. Owned by the soak; its
// calls belong to the owner's thread, but for Interrupt().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "ctl/engine/load_run.h"
#include "ctl/engine/options.h"
#include "ctl/engine/result.h"

namespace echogw::ctl::load {

struct TrafficPlan {
  // Not set: none of that kind. At least one is set.
  std::optional<LoadOptions> churn;
  std::optional<LoadOptions> held;
};

struct TrafficResult {
  LoadResult churn;
  LoadResult held;
};

class SoakTraffic {
 public:
  explicit SoakTraffic(TrafficPlan plan) : plan_(std::move(plan)) {}

  // Opens the held connections, then starts the churn. An error means that nothing runs.
  [[nodiscard]] absl::Status Start();
  // Waits until one of the two ends by itself; false when `timeout` passed first.
  [[nodiscard]] bool WaitDone(std::chrono::nanoseconds timeout);
  // Makes WaitDone true soon. Any thread.
  void Interrupt();
  [[nodiscard]] LoadRun::Snapshot ChurnProgress() const;
  [[nodiscard]] LoadRun::Snapshot HeldProgress() const;
  // Ends the churn, then the held connections, which must be alive then. Once.
  [[nodiscard]] TrafficResult Finish();

 private:
  const TrafficPlan plan_;
  // Guards the two pointers against Interrupt(); the owner's thread alone sets them.
  std::mutex mutex_;
  bool interrupted_ = false;
  std::unique_ptr<LoadRun> churn_;
  std::unique_ptr<LoadRun> held_;
};

}  // namespace echogw::ctl::load
