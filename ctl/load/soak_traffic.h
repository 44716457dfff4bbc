// SoakTraffic: the clients of a soak: churn clients, which open, use and close connections in a
// loop, and held connections, which stay open and in use from start to end. Owned by the soak; its
// calls belong to the owner's thread, but for Interrupt().
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

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
  [[nodiscard]] absl::Status Start() {
    if (plan_.held) {
      auto held = LoadRun::Start(*plan_.held);
      if (!held.ok()) return held.status();
      {
        const std::lock_guard lock(mutex_);
        held_ = *std::move(held);
        if (interrupted_) held_->Stop();
      }
      while (!held_->WaitStarted(kLookEvery)) {
      }
    }
    if (plan_.churn) {
      auto churn = LoadRun::Start(*plan_.churn);
      if (!churn.ok()) return churn.status();
      const std::lock_guard lock(mutex_);
      churn_ = *std::move(churn);
      if (interrupted_) churn_->Stop();
    }
    return absl::OkStatus();
  }
  // Waits until one of the two ends by itself; false when `timeout` passed first.
  [[nodiscard]] bool WaitDone(Duration timeout) {
    const LoadTime until = LoadClock::now() + timeout;
    LoadRun& first = churn_ ? *churn_ : *held_;
    for (;;) {
      // Held connections end by themselves only when all of them are lost.
      if (held_ && held_->WaitDone(Duration(0))) return true;
      const Duration left = until - LoadClock::now();
      if (left.count() <= 0) return false;
      if (first.WaitDone(std::min<Duration>(left, kLookEvery))) return true;
    }
  }
  // Makes WaitDone true soon. Any thread.
  void Interrupt() {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    if (held_ && !churn_) held_->Stop();
    if (churn_) churn_->Stop();
  }
  [[nodiscard]] LoadRun::Snapshot ChurnProgress() const {
    return churn_ ? churn_->Progress() : LoadRun::Snapshot{};
  }
  [[nodiscard]] LoadRun::Snapshot HeldProgress() const {
    return held_ ? held_->Progress() : LoadRun::Snapshot{};
  }
  // Ends the churn, then the held connections, which must be alive then. Once.
  [[nodiscard]] TrafficResult Finish() {
    TrafficResult result;
    if (churn_) {
      churn_->Stop();
      result.churn = churn_->Finish();
    }
    if (held_) {
      held_->Stop();
      result.held = held_->Finish();
    }
    return result;
  }

 private:
  static constexpr std::chrono::milliseconds kLookEvery{100};

  const TrafficPlan plan_;
  // Guards the two pointers against Interrupt(); the owner's thread alone sets them.
  std::mutex mutex_;
  bool interrupted_ = false;
  std::unique_ptr<LoadRun> churn_;
  std::unique_ptr<LoadRun> held_;
};

}  // namespace echogw::ctl::load
