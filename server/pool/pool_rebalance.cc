// Rebalancing: measured loads in, planned moves out, carried out in rounds. Once on demand, or by
// itself in the automatic mode, which also shifts the shares of new connections.

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "server/pool/reactor_pool.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;

// Loads other than connections are rates over this window.
constexpr std::chrono::milliseconds kMeasureWindow{250};
// Rates answer only after the moves, so an uneven load takes some rounds.
constexpr int kRoundsMax = 4;
// A balance of connections is exact arithmetic; rates are noisy, so they get a wider dead band.
constexpr double kUnevenConnections = 1.05;
constexpr double kUnevenRates = 1.25;
constexpr double kEvenEnough = 1.10;
// The automatic mode acts on an imbalance that lasts for this many ticks of 100 ms, moves at most
// this many connections a tick, and none that came less than this ago: a connection never bounces.
constexpr int kUnevenTicks = 3;
constexpr std::uint64_t kMovesPerTick = 100;
constexpr Nanos kResidency = 500 * kNanosPerMilli;
constexpr std::chrono::seconds kMovePatience{30};

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

double UnevenAbove(RebalancePolicy policy) {
  return policy == RebalancePolicy::kConnections ? kUnevenConnections : kUnevenRates;
}

std::uint64_t Sum(const std::vector<PlannedMove>& moves) {
  std::uint64_t sum = 0;
  for (const PlannedMove& m : moves) sum += m.connections;
  return sum;
}

}  // namespace

ReactorPool::LoadSample ReactorPool::Sample() const {
  LoadSample sample{steady_clock::now(), {}};
  for (std::uint32_t i = 0; i < slots_.count(); ++i) sample.counters.push_back(slots_.Read(i));
  return sample;
}

std::vector<ReactorLoad> ReactorPool::LoadsSince(const LoadSample& before,
                                                 RebalancePolicy policy) const {
  std::vector<ReactorLoad> loads;
  for (const std::uint32_t slot : slots_.InState(ReactorState::kServing)) {
    if (slot >= before.counters.size()) continue;  // it came after the sample
    if (slots_.weight(slot) == 0) continue;        // the operator took it out
    const CounterSnapshot now = slots_.Read(slot);
    loads.push_back({slot, now.connections_active, LoadOf(before.counters[slot], now, policy)});
  }
  return loads;
}

std::vector<ReactorLoad> ReactorPool::Measure(RebalancePolicy policy) {
  const LoadSample before = Sample();
  if (policy != RebalancePolicy::kConnections) (void)Pause(before.time + kMeasureWindow);
  return LoadsSince(before, policy);
}

ReactorPool::Outcome ReactorPool::Do(const RebalanceRequest& request, std::uint64_t id) {
  RebalancePolicy policy = RebalancePolicy::kConnections;
  if (request.policy) {
    policy = *request.policy;
  } else {
    const std::scoped_lock lock(tasks_mutex_);
    policy = auto_policy_;
  }
  const int rounds = request.dry_run || policy == RebalancePolicy::kConnections ? 1 : kRoundsMax;
  std::uint64_t moved = 0;
  double imbalance = 0;
  for (int round = 0; round < rounds && !cancel_.load(); ++round) {
    Phase(id, "measure");
    const std::vector<ReactorLoad> loads = Measure(policy);
    imbalance = Imbalance(loads);
    if (round > 0 && imbalance <= kEvenEnough) break;
    const std::uint64_t limit = request.max_moves == 0 ? 0 : request.max_moves - moved;
    if (request.max_moves != 0 && limit == 0) break;
    const std::vector<PlannedMove> moves = PlanMoves(loads, policy, limit);
    operations_.Update(id, [&](Operation& o) {
      if (round == 0) o.imbalance_before = imbalance;
      o.imbalance_after = imbalance;
      o.moves.insert(o.moves.end(), moves.begin(), moves.end());
    });
    if (moves.empty()) break;
    if (request.dry_run) {
      return {OperationResult::kSucceeded, absl::StrCat("would move ", Sum(moves), " connections")};
    }
    Phase(id, "move-connections");
    moved += CarryOut(moves, 0, id);
  }
  if (cancel_.load()) {
    return {OperationResult::kCancelled, absl::StrCat("moved ", moved, " connections until then")};
  }
  if (moved > 0) imbalance = Imbalance(Measure(policy));
  operations_.Update(id, [&](Operation& o) { o.imbalance_after = imbalance; });
  return {OperationResult::kSucceeded, absl::StrCat("moved ", moved, " connections")};
}

// A reactor carries out one move at a time, so each round has one of every giver.
std::uint64_t ReactorPool::CarryOut(const std::vector<PlannedMove>& moves, Nanos residency_min,
                                    std::uint64_t id) {
  std::vector<PlannedMove> left = moves;
  std::uint64_t moved = 0;
  const SteadyTime deadline = steady_clock::now() + kMovePatience;
  while (!left.empty() && !cancel_.load() && steady_clock::now() < deadline) {
    std::vector<PlannedMove> later;
    std::vector<MoveUnderWay> under_way;
    for (const PlannedMove& m : left) {
      if (std::any_of(under_way.begin(), under_way.end(),
                      [&m](const MoveUnderWay& u) { return u.from == m.from; })) {
        later.push_back(m);
        continue;
      }
      under_way.push_back({m.from, slots_.NextCommandId()});
      slots_.PostBlocking(m.from, MoveConnections{.id = under_way.back().command,
                                                  .targets = {slots_.mailbox(m.to)},
                                                  .count_max = m.connections,
                                                  .residency_min = residency_min});
    }
    std::uint64_t this_round = 0;
    for (const Report& r : AwaitMoves(under_way, deadline, true)) {
      this_round += r.connections_moved;
    }
    moved += this_round;
    if (id != 0) {
      operations_.Update(id, [&](Operation& o) { o.connections_moved += this_round; });
    }
    left = std::move(later);
  }
  std::set<std::uint32_t> takers;
  for (const PlannedMove& m : moves) takers.insert(m.to);
  AwaitArrivals({takers.begin(), takers.end()});
  return moved;
}

// The automatic mode is off: only the operator's weights count.
void ReactorPool::NeutralShares() {
  for (std::uint32_t slot = 0; slot < slots_.count(); ++slot) slots_.SetShare(slot, kNeutralShare);
  Steer();
  shares_set_ = false;
}

void ReactorPool::AutoTick() {
  RebalancePolicy policy{};
  {
    const std::scoped_lock lock(tasks_mutex_);
    policy = auto_policy_;
  }
  if (state_.load() != GatewayState::kServing) return;
  const std::vector<ReactorLoad> loads = LoadsSince(sample_, policy);
  sample_ = Sample();
  if (loads.size() < 2) return;

  const std::vector<std::uint32_t> shares = PlanShares(loads);
  for (std::size_t i = 0; i < loads.size(); ++i) slots_.SetShare(loads[i].reactor, shares[i]);
  Steer();
  shares_set_ = true;

  ticks_uneven_ = Imbalance(loads) > UnevenAbove(policy) ? ticks_uneven_ + 1 : 0;
  if (ticks_uneven_ < kUnevenTicks) return;
  ticks_uneven_ = 0;
  const std::vector<PlannedMove> moves = PlanMoves(loads, policy, kMovesPerTick);
  if (!moves.empty()) (void)CarryOut(moves, kResidency, 0);
}

}  // namespace echogw::server
