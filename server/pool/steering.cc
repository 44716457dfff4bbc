#include "server/pool/steering.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {

std::uint32_t Steering::WeightOf(std::uint32_t slot) const {
  return slot < weights_.size() ? weights_[slot] : 1;
}

std::uint32_t Steering::weight(std::uint32_t slot) const {
  const MutexLock lock(mutex_);
  return WeightOf(slot);
}

bool Steering::AnyWeight(const Slots& slots) const {
  return std::any_of(slots.begin(), slots.end(), [this](auto slot) { return weight(slot) > 0; });
}

void Steering::SetWeights(const std::vector<SteeringWeight>& weights) {
  const MutexLock lock(mutex_);
  for (const SteeringWeight& w : weights) {
    if (w.reactor >= weights_.size()) weights_.resize(w.reactor + 1, 1);
    weights_[w.reactor] = w.weight;
  }
}

void Steering::SetShares(std::vector<std::uint32_t> shares) {
  const MutexLock lock(mutex_);
  shares_ = std::move(shares);
}

Steering::Weights Steering::Effective() const {
  Weights out{std::vector<std::uint32_t>(reactors_.count()), {}};
  out.flows = out.connections;
  for (const std::uint32_t slot : reactors_.Serving()) {
    out.flows[slot] = WeightOf(slot);
    out.connections[slot] =
        WeightOf(slot) * (slot < shares_.size() ? shares_[slot] : kNeutralShare);
  }
  return out;
}

void Steering::Attach(const Weights& weights) {
  if (weights == tried_) return;
  const bool was_off = tried_ && !active_;
  tried_ = weights;
  const absl::Status status = listeners_.Steer(weights.connections, weights.flows);
  active_ = status.ok();
  if (active_ || was_off) return;
  log_.Write(LogLevel::kWarning,
             absl::StrCat("steering is off, the kernel's hash picks the reactor: ",
                          std::string(status.message())));
}

std::vector<std::uint64_t> Steering::Apply() {
  const MutexLock lock(mutex_);
  const Weights weights = Effective();
  if (enabled_) Attach(weights);
  std::vector<std::uint64_t> ids;
  if (!listeners_.shares_listeners()) return ids;
  AssignConnections command{.version = ++version_};
  for (std::uint32_t slot = 0; slot < weights.connections.size(); ++slot) {
    const std::uint32_t weight = weights.connections[slot];
    if (weight > 0) command.targets.push_back({reactors_.mailbox(slot), weight});
  }
  for (const std::uint32_t slot : reactors_.Running()) {
    ids.push_back(reactors_.Send(slot, command));
  }
  return ids;
}

void Steering::ApplyAndAwait() {
  (void)reactors_.Await(Apply(), std::chrono::steady_clock::now() + kAnswerTimeout);
}

bool Steering::active() const {
  const MutexLock lock(mutex_);
  return active_;
}

}  // namespace echogw::server
