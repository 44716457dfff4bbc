// Resize and move. The order of the steps is what keeps every connection: first nothing new is sent
// to a reactor, then another one accepts for its listeners, then its connections move, and only a
// reactor that has nothing any more ends.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "server/pool/reactor_pool.h"

namespace echogw::server {
ReactorPool::Outcome ReactorPool::Do(const ResizeRequest& request, std::uint64_t id) {
  const auto now = static_cast<std::uint32_t>(slots_.Running().size());
  // Left over from a shrink whose time ran out, and to be kept after all.
  const std::vector<std::uint32_t> keep(retiring_.begin(), retiring_.lower_bound(request.target));
  if (!keep.empty() && !request.dry_run) {
    TakeBack(keep);
    if (request.target == now) {
      return {OperationResult::kSucceeded,
              absl::StrCat(keep.size(), " reactors that were on their way out serve again")};
    }
  }
  if (request.target == now) {
    return {OperationResult::kSucceeded, absl::StrCat("there are ", now, " reactors already")};
  }
  if (request.dry_run) {
    std::uint64_t to_move = 0;
    for (std::uint32_t i = request.target; i < now; ++i) {
      to_move += slots_.Read(i).connections_active;
    }
    operations_.Update(id, [&](Operation& o) { o.connections_left = to_move; });
    return {OperationResult::kSucceeded,
            absl::StrCat("would go from ", now, " to ", request.target, " reactors and move ",
                         to_move, " connections")};
  }
  return request.target > now ? Grow(now, request, id) : Shrink(now, request, id);
}

ReactorPool::Outcome ReactorPool::Grow(std::uint32_t from, const ResizeRequest& request,
                                       std::uint64_t id) {
  Phase(id, "start");
  if (absl::Status s = slots_.Make(request.target); !s.ok()) {
    return {OperationResult::kFailed,
            absl::StrCat("cannot make listeners: ", std::string(s.message()))};
  }
  std::vector<std::uint32_t> started;
  for (std::uint32_t i = from; i < request.target; ++i) {
    const absl::Status s = slots_.Start(i);
    if (s.ok()) {
      started.push_back(i);
      continue;
    }
    // Nothing has been handed to those that did start.
    Retire(started);
    std::vector<std::uint32_t> made;
    for (std::uint32_t slot = from; slot < request.target; ++slot) made.push_back(slot);
    Park(made);
    return {OperationResult::kFailed, std::string(s.message())};
  }
  Phase(id, "adopt-listeners");
  Adopt(started);
  Phase(id, "steer");
  Steer();
  return {OperationResult::kSucceeded,
          absl::StrCat("grew from ", from, " to ", request.target, " reactors")};
}

// Each of `slots`, which are starting, accepts for its own listeners from here on.
void ReactorPool::Adopt(const std::vector<std::uint32_t>& slots) {
  for (const std::uint32_t slot : slots) {
    if (slots_.owner(slot) != slot) {
      // Should it not answer, the owner goes on accepting for them: nothing is lost.
      (void)GiveBack(slot);
    } else {
      (void)Ask({slot}, Patience(), [&](std::uint64_t command, std::uint32_t) -> Command {
        return AdoptListeners{.id = command, .listeners = slots_.ListenersOf(slot)};
      });
    }
    slots_.SetState(slot, ReactorState::kServing);
  }
}

void ReactorPool::Park(const std::vector<std::uint32_t>& slots) {
  const std::vector<std::uint32_t> serving = slots_.InState(ReactorState::kServing);
  CHECK(!serving.empty());
  for (const std::uint32_t slot : slots) {
    if (slots_.owner(slot) != slot) continue;  // parked before
    const std::uint32_t owner = serving[slot % serving.size()];
    slots_.SetOwner(slot, owner);
    (void)Ask({owner}, Patience(), [&](std::uint64_t command, std::uint32_t) -> Command {
      return AdoptListeners{.id = command, .listeners = slots_.ListenersOf(slot)};
    });
  }
}

// The owner of a slot's listeners hands them back to the slot's own reactor.
bool ReactorPool::GiveBack(std::uint32_t slot) {
  const auto reports =
      Ask({slots_.owner(slot)}, Patience(), [&](std::uint64_t command, std::uint32_t) -> Command {
        return HandOverListeners{.id = command, .slot = slot, .targets = {slots_.mailbox(slot)}};
      });
  if (reports.empty()) return false;
  slots_.SetOwner(slot, slot);
  return true;
}

// All listeners that `from` accepts for go to `to`. One whose target has no room for a message
// stays and is tried again; false if some still stay when patience ends.
bool ReactorPool::HandOver(std::uint32_t from, const std::vector<std::uint32_t>& to) {
  std::vector<Mailbox*> targets;
  for (const std::uint32_t slot : to) targets.push_back(slots_.mailbox(slot));
  const SteadyTime deadline = Patience();
  for (bool all = false; !all;) {
    const auto reports =
        Ask({from}, deadline, [&](std::uint64_t command, std::uint32_t) -> Command {
          return HandOverListeners{.id = command, .slot = std::nullopt, .targets = targets};
        });
    if (reports.empty()) return false;
    all = reports.front().listeners_left == 0;
  }
  for (std::uint32_t slot = 0; slot < slots_.count(); ++slot) {
    if (slots_.owner(slot) == from) slots_.SetOwner(slot, to[slot % to.size()]);
  }
  return true;
}

ReactorPool::Outcome ReactorPool::Shrink(std::uint32_t from, const ResizeRequest& request,
                                         std::uint64_t id) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + request.deadline;
  std::vector<std::uint32_t> stay;
  for (const std::uint32_t slot : slots_.InState(ReactorState::kServing)) {
    if (slot < request.target) stay.push_back(slot);
  }
  const bool steered =
      std::any_of(stay.begin(), stay.end(), [this](auto slot) { return slots_.weight(slot) > 0; });
  if (stay.empty() || !steered) {
    return {OperationResult::kFailed,
            absl::StrCat("no reactor below ", request.target,
                         " would take new connections; undrain one or give it a weight first")};
  }
  std::vector<std::uint32_t> retire;
  std::vector<std::uint32_t> ours;  // of these, all but those that the operator drains
  for (std::uint32_t slot = request.target; slot < from; ++slot) {
    retire.push_back(slot);
    if (slots_.state(slot) == ReactorState::kServing || retiring_.contains(slot)) {
      ours.push_back(slot);
    }
  }

  Phase(id, "steer");
  for (const std::uint32_t slot : ours) slots_.SetState(slot, ReactorState::kDraining);
  Steer();
  if (!options_.fault_close_listeners) {
    Phase(id, "park-listeners");
    for (const std::uint32_t slot : retire) {
      if (HandOver(slot, stay)) continue;
      TakeBack(ours);
      return {OperationResult::kFailed,
              absl::StrCat("reactor ", slot, " does not answer; nothing was changed")};
    }
  }
  Phase(id, "move-connections");
  if (!MoveAll(retire, stay, deadline, id)) {
    retiring_.insert(ours.begin(), ours.end());
    return {OperationResult::kTimedOut,
            "connections are left on reactors that should end; they are served; resize again"};
  }
  Phase(id, "join");
  Retire(retire);
  return {OperationResult::kSucceeded,
          absl::StrCat("shrank from ", from, " to ", request.target, " reactors")};
}

// Reactors that were on their way out serve again, with listeners of their own.
void ReactorPool::TakeBack(const std::vector<std::uint32_t>& slots) {
  for (const std::uint32_t slot : slots) {
    retiring_.erase(slot);
    if (slots_.owner(slot) == slot || GiveBack(slot)) {
      slots_.SetState(slot, ReactorState::kServing);
    }
  }
  Steer();
}

bool ReactorPool::MoveAll(const std::vector<std::uint32_t>& from,
                          const std::vector<std::uint32_t>& to, SteadyTime deadline,
                          std::uint64_t id) {
  std::vector<Mailbox*> targets;
  for (const std::uint32_t slot : to) targets.push_back(slots_.mailbox(slot));
  std::vector<MoveUnderWay> moves;
  for (const std::uint32_t slot : from) {
    moves.push_back({slot, slots_.NextCommandId()});
    slots_.PostBlocking(slot, MoveConnections{.id = moves.back().command, .targets = targets});
  }
  const std::vector<Report> reports = AwaitMoves(moves, deadline, false);
  AwaitArrivals(to);
  std::uint64_t moved = 0;
  std::uint64_t left = 0;
  for (const Report& r : reports) {
    moved += r.connections_moved;
    left += r.connections_left;
  }
  operations_.Update(id, [&](Operation& o) {
    o.connections_moved += moved;
    o.connections_left = left;
  });
  return reports.size() == from.size() && left == 0;
}

std::vector<Report> ReactorPool::AwaitMoves(const std::vector<MoveUnderWay>& moves,
                                            SteadyTime deadline, bool stop_on_cancel) {
  std::vector<std::uint64_t> ids;
  for (const MoveUnderWay& m : moves) ids.push_back(m.command);
  std::vector<Report> reports = Await(ids, deadline, stop_on_cancel);
  for (const Report& r : reports) std::erase(ids, r.id);
  if (ids.empty()) return reports;
  for (const MoveUnderWay& m : moves) {
    if (std::find(ids.begin(), ids.end(), m.command) == ids.end()) continue;
    // A move of nothing takes the place of the one under way, which is then reported.
    slots_.PostBlocking(m.from, MoveConnections{.id = slots_.NextCommandId(),
                                                .targets = {slots_.mailbox(m.from)},
                                                .count_max = 0});
  }
  for (const Report& r : Await(std::move(ids), Patience(), false)) reports.push_back(r);
  return reports;
}

void ReactorPool::Steer() {
  slots_.ApplySteering();
  if (!slots_.shares_listeners()) return;
  (void)Ask(slots_.Running(), Patience(), [&](std::uint64_t command, std::uint32_t) -> Command {
    AssignConnections assign = slots_.MakeAssignment();
    assign.id = command;
    return assign;
  });
}

void ReactorPool::AwaitArrivals(const std::vector<std::uint32_t>& reactors) {
  // Commands are carried out in the order they came: this one after the arrivals.
  (void)Ask(reactors, Patience(), [&](std::uint64_t command, std::uint32_t slot) -> Command {
    return MoveConnections{.id = command, .targets = {slots_.mailbox(slot)}, .count_max = 0};
  });
}

// Stops all, then joins all, so that they end side by side.
void ReactorPool::Retire(const std::vector<std::uint32_t>& slots) {
  for (const std::uint32_t slot : slots) {
    retiring_.erase(slot);
    slots_.BeginStop(slot);
  }
  for (const std::uint32_t slot : slots) slots_.Join(slot);
  if (!options_.fault_close_listeners) return;
  for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) slots_.Close(*slot);
}

ReactorPool::Outcome ReactorPool::Do(const MoveRequest& request, std::uint64_t id) {
  Phase(id, "move-connections");
  // "All" is what is there at this moment: a reactor that goes on accepting is never empty.
  const std::uint64_t count =
      request.connections == 0 ? slots_.Read(request.from).connections_active : request.connections;
  const std::uint64_t moved = CarryOut({{request.from, request.to, count}}, 0, id);
  const std::string what = absl::StrCat("moved ", moved, " connections from reactor ", request.from,
                                        " to reactor ", request.to);
  if (cancel_.load()) return {OperationResult::kCancelled, absl::StrCat(what, ", then cancelled")};
  return {OperationResult::kSucceeded, what};
}

}  // namespace echogw::server
