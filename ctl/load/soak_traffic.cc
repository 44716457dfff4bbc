#include "ctl/load/soak_traffic.h"

#include <algorithm>
#include <utility>

namespace echogw::ctl::load {

namespace {

constexpr std::chrono::milliseconds kLookEvery{100};

}  // namespace

absl::Status SoakTraffic::Start() {
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

bool SoakTraffic::WaitDone(std::chrono::nanoseconds timeout) {
  const LoadTime until = LoadClock::now() + timeout;
  LoadRun& first = churn_ ? *churn_ : *held_;
  for (;;) {
    // Held connections end by themselves only when all of them are lost.
    if (held_ && held_->WaitDone(std::chrono::nanoseconds(0))) return true;
    const std::chrono::nanoseconds left = until - LoadClock::now();
    if (left.count() <= 0) return false;
    if (first.WaitDone(std::min<std::chrono::nanoseconds>(left, kLookEvery))) return true;
  }
}

void SoakTraffic::Interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  if (held_ && !churn_) held_->Stop();
  if (churn_) churn_->Stop();
}

LoadRun::Snapshot SoakTraffic::ChurnProgress() const {
  return churn_ ? churn_->Progress() : LoadRun::Snapshot{};
}

LoadRun::Snapshot SoakTraffic::HeldProgress() const {
  return held_ ? held_->Progress() : LoadRun::Snapshot{};
}

TrafficResult SoakTraffic::Finish() {
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

}  // namespace echogw::ctl::load
