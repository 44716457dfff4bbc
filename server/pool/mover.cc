#include "server/pool/mover.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kMoveTimeout{30};

}  // namespace

// ---- connections ----

Outcome Mover::Handle(const MoveRequest& request) {
  pool_.Begin(Phase::kMoveConnections);
  // "All" means all at this moment: a reactor that accepts is never empty.
  const std::uint64_t count = request.connections == 0
                                  ? pool_.reactors.Read(request.from).connections_active
                                  : request.connections;
  const std::uint64_t moved = Move({{request.from, request.to, count}}, 0, pool_.cancelled);
  const std::string what = absl::StrCat("moved ", moved, " connections from reactor ", request.from,
                                        " to reactor ", request.to);
  if (pool_.cancelled.load()) {
    return {OperationResult::kCancelled, what, ", then cancelled"};
  }
  return {OperationResult::kSucceeded, what};
}

// A reactor carries out one move at a time, so each round has one move of every source.
std::uint64_t Mover::Move(std::vector<PlannedMove> moves, Nanos residency_min,
                          const std::atomic<bool>& cancel) {
  std::set<std::uint32_t> targets;
  for (const PlannedMove& m : moves) targets.insert(m.to);
  std::uint64_t moved = 0;
  const SteadyTime deadline = steady_clock::now() + kMoveTimeout;
  while (!moves.empty() && !cancel.load() && steady_clock::now() < deadline) {
    std::vector<PlannedMove> later;
    Sources round;
    std::set<std::uint32_t> busy;
    for (const PlannedMove& m : moves) {
      if (!busy.insert(m.from).second) {
        later.push_back(m);
        continue;
      }
      const MoveConnections command{.targets = pool_.reactors.mailboxes({m.to}),
                                    .count_max = m.connections,
                                    .residency_min = residency_min};
      round.emplace(pool_.reactors.Send(m.from, command), m.from);
    }
    std::uint64_t in_round = 0;
    for (const Report& r : Await(round, deadline, &cancel)) {
      in_round += r.connections_moved;
    }
    moved += in_round;
    pool_.Update([&](Operation& o) { o.connections_moved += in_round; });
    moves = std::move(later);
  }
  AwaitArrivals({targets.begin(), targets.end()});
  return moved;
}

bool Mover::MoveAll(const Slots& from, const Slots& to, SteadyTime deadline) {
  const MoveConnections command{.targets = pool_.reactors.mailboxes(to)};
  Sources moves;
  for (const std::uint32_t slot : from) moves.emplace(pool_.reactors.Send(slot, command), slot);
  const std::vector<Report> reports = Await(moves, deadline, &pool_.cancelled);
  AwaitArrivals(to);
  std::uint64_t moved = 0;
  std::uint64_t left = 0;
  for (const Report& r : reports) {
    moved += r.connections_moved;
    left += r.connections_left;
  }
  pool_.Update([&](Operation& o) {
    o.connections_moved += moved;
    o.connections_left = left;
  });
  return reports.size() == from.size() && left == 0;
}

std::vector<Report> Mover::Await(Sources moves, SteadyTime deadline,
                                 const std::atomic<bool>* cancel) {
  auto ids = [&] {
    std::vector<std::uint64_t> out;
    for (const auto& [id, from] : moves) out.push_back(id);
    return out;
  };
  std::vector<Report> reports = pool_.reactors.Await(ids(), deadline, cancel);
  for (const Report& r : reports) moves.erase(r.id);
  for (const auto& [id, from] : moves) SendEmptyMove(from);
  const auto halted = pool_.reactors.Await(ids(), steady_clock::now() + kAnswerTimeout);
  reports.insert(reports.end(), halted.begin(), halted.end());
  return reports;
}

std::uint64_t Mover::SendEmptyMove(std::uint32_t slot) {
  return pool_.reactors.Send(
      slot, MoveConnections{.targets = pool_.reactors.mailboxes({slot}), .count_max = 0});
}

void Mover::AwaitArrivals(const Slots& reactors) {
  // A reactor handles commands in order: this one after the arrivals.
  std::vector<std::uint64_t> ids;
  for (const std::uint32_t slot : reactors) ids.push_back(SendEmptyMove(slot));
  (void)pool_.reactors.Await(std::move(ids), steady_clock::now() + kAnswerTimeout);
}

// ---- listeners ----

// A listener whose target has no room for a message stays, and is tried again.
bool Mover::HandOver(std::uint32_t from, const Slots& to) {
  const HandOverListeners command{.targets = pool_.reactors.mailboxes(to)};
  const SteadyTime deadline = steady_clock::now() + kAnswerTimeout;
  for (std::uint64_t left = 1; left > 0;) {
    const auto reports = pool_.reactors.Ask({from}, command, deadline);
    if (reports.empty()) return false;
    left = reports.front().listeners_left;
  }
  pool_.listeners.ReplaceOwner(from, to);
  return true;
}

bool Mover::GiveBack(std::uint32_t slot) {
  const std::uint32_t owner = pool_.listeners.owner(slot);
  if (owner == slot) return true;
  const HandOverListeners command{.slot = slot, .targets = pool_.reactors.mailboxes({slot})};
  if (pool_.reactors.Ask({owner}, command).empty()) return false;
  pool_.listeners.SetOwner(slot, slot);
  return true;
}

void Mover::TakeBack(const Slots& slots) {
  for (const std::uint32_t slot : slots) {
    pool_.retiring.erase(slot);
    if (GiveBack(slot)) pool_.reactors.SetState(slot, ReactorState::kServing);
  }
  pool_.steering.ApplyAndAwait();
}

}  // namespace echogw::server
