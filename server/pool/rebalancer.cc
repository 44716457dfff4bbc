#include "server/pool/rebalancer.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Loads other than connections are rates over this window.
constexpr milliseconds kMeasureWindow{250};
// Rates respond only after the moves, so an uneven load takes several rounds.
constexpr int kRoundsMax = 4;
// Connections are counted exactly; rates are noisy and get a wider dead band.
constexpr double kUnevenConnections = 1.05;
constexpr double kUnevenRates = 1.25;
constexpr double kEvenEnough = 1.10;
// The automatic mode acts on an imbalance that lasts for this many ticks, moves at most this many
// connections a tick, and none that arrived less than this ago: a connection never bounces.
constexpr milliseconds kTickInterval{100};
constexpr int kUnevenTicks = 3;
constexpr std::uint64_t kMovesPerTick = 100;
constexpr Nanos kResidency = 500 * kNanosPerMilli;
// How long the control thread sleeps without cause.
constexpr milliseconds kIdleWait{1000};

double LoadOf(const CounterSnapshot& before, const CounterSnapshot& after, RebalancePolicy policy) {
  switch (policy) {
    case RebalancePolicy::kConnections:
      return static_cast<double>(after.connections_active);
    case RebalancePolicy::kBytes:
      return static_cast<double>(after.received_bytes - before.received_bytes);
    case RebalancePolicy::kBusy:
      return static_cast<double>(after.loop_busy_ns - before.loop_busy_ns);
  }
  return 0;
}

std::uint64_t Sum(const std::vector<PlannedMove>& moves) {
  return std::accumulate(moves.begin(), moves.end(), std::uint64_t{0},
                         [](auto sum, const PlannedMove& m) { return sum + m.connections; });
}

}  // namespace

void Rebalancer::SetAutomatic(bool enabled, std::optional<RebalancePolicy> policy) {
  const MutexLock lock(mutex_);
  automatic_ = enabled;
  policy_ = policy.value_or(policy_);
}

bool Rebalancer::automatic() const {
  const MutexLock lock(mutex_);
  return automatic_;
}

RebalancePolicy Rebalancer::policy() const {
  const MutexLock lock(mutex_);
  return policy_;
}

Rebalancer::Counters Rebalancer::Sample() const {
  Counters sample;
  for (const ReactorStats& r : pool_.reactors.Stats()) sample.push_back(r.counters);
  return sample;
}

std::vector<ReactorLoad> Rebalancer::LoadsSince(const Counters& before,
                                                RebalancePolicy policy) const {
  std::vector<ReactorLoad> loads;
  for (const std::uint32_t slot : pool_.reactors.Serving()) {
    if (slot >= before.size()) continue;             // it came after the sample
    if (pool_.steering.weight(slot) == 0) continue;  // the operator took it out
    const CounterSnapshot now = pool_.reactors.Read(slot);
    loads.push_back({slot, now.connections_active, LoadOf(before[slot], now, policy)});
  }
  return loads;
}

std::vector<ReactorLoad> Rebalancer::Measure(RebalancePolicy policy) {
  const Counters before = Sample();
  if (policy != RebalancePolicy::kConnections) {
    (void)pool_.Pause(steady_clock::now() + kMeasureWindow);
  }
  return LoadsSince(before, policy);
}

Outcome Rebalancer::Handle(const RebalanceRequest& request) {
  const RebalancePolicy policy = request.policy.value_or(this->policy());
  const int rounds = request.dry_run || policy == RebalancePolicy::kConnections ? 1 : kRoundsMax;
  std::uint64_t moved = 0;
  double imbalance = 0;
  for (int round = 0; round < rounds && !pool_.cancelled.load(); ++round) {
    pool_.Begin(Phase::kMeasure);
    const std::vector<ReactorLoad> loads = Measure(policy);
    imbalance = Imbalance(loads);
    if (round > 0 && imbalance <= kEvenEnough) break;
    const std::uint64_t limit = request.max_moves == 0 ? 0 : request.max_moves - moved;
    if (request.max_moves != 0 && limit == 0) break;
    const std::vector<PlannedMove> moves = PlanMoves(loads, policy, limit);
    pool_.Update([&](Operation& o) {
      if (round == 0) o.imbalance_before = imbalance;
      o.imbalance_after = imbalance;
      o.moves.insert(o.moves.end(), moves.begin(), moves.end());
    });
    if (request.dry_run) {
      pool_.Update([&](Operation& o) { o.imbalance_after = Imbalance(LoadsAfter(loads, moves)); });
      return {OperationResult::kSucceeded, "would move ", Sum(moves), " connections"};
    }
    if (moves.empty()) break;
    pool_.Begin(Phase::kMoveConnections);
    moved += mover_.Move(moves, 0, pool_.cancelled);
  }
  if (pool_.cancelled.load()) {
    return {OperationResult::kCancelled, "moved ", moved, " connections, then cancelled"};
  }
  if (moved > 0) imbalance = Imbalance(Measure(policy));
  pool_.Update([&](Operation& o) { o.imbalance_after = imbalance; });
  return {OperationResult::kSucceeded, "moved ", moved, " connections"};
}

milliseconds Rebalancer::Tick() {
  if (!automatic()) {
    if (shares_set_) {
      pool_.steering.SetShares({});
      pool_.steering.ApplyAndAwait();
      shares_set_ = false;
    }
    return kIdleWait;
  }
  if (steady_clock::now() >= next_tick_ && pool_.state.load() == GatewayState::kServing) {
    next_tick_ = steady_clock::now() + kTickInterval;
    Balance(policy());
  }
  return kTickInterval;
}

void Rebalancer::Balance(RebalancePolicy policy) {
  const std::vector<ReactorLoad> loads = LoadsSince(sample_, policy);
  sample_ = Sample();
  if (loads.size() < 2) return;

  const std::vector<std::uint32_t> planned = PlanShares(loads);
  std::vector<std::uint32_t> shares(sample_.size(), kNeutralShare);
  for (std::size_t i = 0; i < loads.size(); ++i) shares[loads[i].reactor] = planned[i];
  pool_.steering.SetShares(std::move(shares));
  pool_.steering.ApplyAndAwait();
  shares_set_ = true;

  const bool uneven = Imbalance(loads) >
                      (policy == RebalancePolicy::kConnections ? kUnevenConnections : kUnevenRates);
  ticks_uneven_ = uneven ? ticks_uneven_ + 1 : 0;
  if (ticks_uneven_ < kUnevenTicks) return;
  ticks_uneven_ = 0;
  (void)mover_.Move(PlanMoves(loads, policy, kMovesPerTick), kResidency, pool_.task_waiting);
}

}  // namespace echogw::server
