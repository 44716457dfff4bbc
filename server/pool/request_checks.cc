#include "server/pool/request_checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

absl::Status CheckDuration(std::chrono::nanoseconds d, const char* name) {
  if (d >= std::chrono::nanoseconds(0) && d <= kDeadlineMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " must be between 0 and 24 hours"));
}

absl::Status CheckServing(const PoolContext& pool, std::uint32_t reactor) {
  if (absl::Status s = CheckReactor(pool, reactor); !s.ok()) return s;
  const ReactorState state = pool.reactors.state(reactor);
  if (state == ReactorState::kServing) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("reactor ", reactor, " is ",
                   state == ReactorState::kDrained ? "drained" : "draining", "; undrain it first"));
}

}  // namespace

absl::Status CheckValues(const ResizeRequest& request) {
  if (request.target < 1 || request.target > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("target must be 1 to ", kReactorsMax, ", not ", request.target));
  }
  return CheckDuration(request.deadline, "deadline");
}

absl::Status CheckValues(const DrainRequest& request) {
  for (const auto& [d, name] :
       {std::pair{request.deadline, "deadline"}, std::pair{request.quiet_period, "quiet_period"},
        std::pair{request.quiet_max_wait, "quiet_max_wait"}, std::pair{request.spread, "spread"}}) {
    if (absl::Status s = CheckDuration(d, name); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const UpgradeRequest& request) {
  if (request.same_binary && !request.binary.empty()) {
    return absl::InvalidArgumentError("binary and same_binary exclude each other");
  }
  for (const auto& [d, name] :
       {std::pair{request.deadline, "deadline"}, std::pair{request.linger, "linger"}}) {
    if (absl::Status s = CheckDuration(d, name); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckReactor(const PoolContext& pool, std::uint32_t reactor) {
  const Slots running = pool.reactors.Running();
  if (std::find(running.begin(), running.end(), reactor) != running.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("reactor ", reactor, " is not running; there are ", running.size()));
}

absl::Status CheckReactors(const PoolContext& pool, const Request& request) {
  if (const auto* move = std::get_if<MoveRequest>(&request)) {
    if (absl::Status s = CheckReactor(pool, move->from); !s.ok()) return s;
    return CheckServing(pool, move->to);
  }
  const auto* drain = std::get_if<DrainRequest>(&request);
  if (drain == nullptr || !drain->reactor) return absl::OkStatus();
  if (absl::Status s = CheckReactor(pool, *drain->reactor); !s.ok()) return s;
  Slots others = pool.reactors.Serving();
  std::erase(others, *drain->reactor);
  if (!others.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("reactor ", *drain->reactor,
                   " is the only serving reactor; add reactors or drain the gateway"));
}

absl::Status CheckWeights(const PoolContext& pool, const std::vector<SteeringWeight>& weights,
                          bool reset, std::vector<SteeringWeight>& result) {
  for (const SteeringWeight& w : weights) {
    if (absl::Status s = CheckReactor(pool, w.reactor); !s.ok()) return s;
    if (w.weight > kSteeringWeightMax) {
      return absl::InvalidArgumentError(absl::StrCat("weight of reactor ", w.reactor,
                                                     " must be 0 to ", kSteeringWeightMax, ", not ",
                                                     w.weight));
    }
  }
  bool any = false;
  for (const std::uint32_t reactor : pool.reactors.Running()) {
    std::uint32_t weight = reset ? 1 : pool.steering.weight(reactor);
    for (const SteeringWeight& w : weights) {
      if (w.reactor == reactor) weight = w.weight;
    }
    any = any || (weight > 0 && pool.reactors.state(reactor) == ReactorState::kServing);
    result.push_back({reactor, weight});
  }
  if (any) return absl::OkStatus();
  return absl::InvalidArgumentError("at least one serving reactor needs a weight above 0");
}

}  // namespace echogw::server
