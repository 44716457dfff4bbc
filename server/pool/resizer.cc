#include "server/pool/resizer.h"

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"

namespace echogw::server {

absl::Status Resizer::Start(std::uint32_t reactors) {
  if (absl::Status s = pool_.reactors.Start(0, reactors); !s.ok()) return s;
  Adopt(0, reactors);
  Park(reactors, pool_.reactors.count());  // listeners inherited for more reactors than there are
  pool_.steering.ApplyAndAwait();
  return absl::OkStatus();
}

Outcome Resizer::Handle(const ResizeRequest& request) {
  const auto now = static_cast<std::uint32_t>(pool_.reactors.Running().size());
  // Left by a shrink whose deadline passed, and now to be kept.
  const Slots keep(pool_.retiring.begin(), pool_.retiring.lower_bound(request.target));
  if (!keep.empty() && !request.dry_run) {
    mover_.TakeBack(keep);
    if (request.target == now) {
      return {OperationResult::kSucceeded, keep.size(),
              " reactors that were being removed serve again"};
    }
  }
  if (request.target == now) {
    return {OperationResult::kSucceeded, "there are already ", now, " reactors"};
  }
  if (request.dry_run) {
    std::uint64_t to_move = 0;
    for (std::uint32_t slot = request.target; slot < now; ++slot) {
      to_move += pool_.reactors.Read(slot).connections_active;
    }
    pool_.Update([&](Operation& o) { o.connections_left = to_move; });
    return {OperationResult::kSucceeded, "would go from ", now,           " to ", request.target,
            " reactors and move ",       to_move,          " connections"};
  }
  return request.target > now ? Grow(now, request.target) : Shrink(now, request);
}

Outcome Resizer::Grow(std::uint32_t from, std::uint32_t target) {
  pool_.Begin(Phase::kStart);
  if (absl::Status s = pool_.reactors.Make(target, pool_.listeners); !s.ok()) {
    return {OperationResult::kFailed, "cannot make listeners: ", s.message()};
  }
  if (absl::Status s = pool_.reactors.Start(from, target); !s.ok()) {
    Park(from, target);
    return {OperationResult::kFailed, s.message()};
  }
  pool_.Begin(Phase::kAdoptListeners);
  Adopt(from, target);
  pool_.Begin(Phase::kSteer);
  pool_.steering.ApplyAndAwait();
  return {OperationResult::kSucceeded, "grew from ", from, " to ", target, " reactors"};
}

void Resizer::SendListeners(std::uint32_t slot, std::uint32_t owner) {
  pool_.listeners.SetOwner(slot, owner);
  (void)pool_.reactors.Ask({owner}, AdoptListeners{.listeners = pool_.listeners.ListenersOf(slot)});
}

void Resizer::Adopt(std::uint32_t first, std::uint32_t end) {
  for (std::uint32_t slot = first; slot < end; ++slot) {
    if (pool_.listeners.owner(slot) == slot) {
      SendListeners(slot, slot);
    } else {
      (void)mover_.GiveBack(slot);  // without a report the owner continues to accept
    }
    pool_.reactors.SetState(slot, ReactorState::kServing);
  }
}

void Resizer::Park(std::uint32_t first, std::uint32_t end) {
  const Slots serving = pool_.reactors.Serving();
  CHECK(!serving.empty());
  for (std::uint32_t slot = first; slot < end; ++slot) {
    if (pool_.listeners.owner(slot) != slot) continue;  // parked before
    SendListeners(slot, serving[slot % serving.size()]);
  }
}

Outcome Resizer::Shrink(std::uint32_t from, const ResizeRequest& request) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + request.deadline;
  Slots stay = pool_.reactors.Serving();
  std::erase_if(stay, [&](std::uint32_t slot) { return slot >= request.target; });
  if (!pool_.steering.AnyWeight(stay)) {
    return {OperationResult::kFailed, "no reactor below ", request.target,
            " would accept new connections; undrain one or give it a weight first"};
  }
  Slots retire;
  Slots ours;  // of these, all that the operator did not drain
  for (std::uint32_t slot = request.target; slot < from; ++slot) {
    retire.push_back(slot);
    if (pool_.reactors.state(slot) == ReactorState::kServing || pool_.retiring.contains(slot)) {
      ours.push_back(slot);
    }
  }

  pool_.Begin(Phase::kSteer);
  for (const std::uint32_t slot : ours) pool_.reactors.SetState(slot, ReactorState::kDraining);
  pool_.steering.ApplyAndAwait();
  if (!pool_.options.fault_close_listeners) {
    pool_.Begin(Phase::kParkListeners);
    for (const std::uint32_t slot : retire) {
      if (mover_.HandOver(slot, stay)) continue;
      mover_.TakeBack(ours);
      return {OperationResult::kFailed, "reactor ", slot, " did not respond; nothing was changed"};
    }
  }
  pool_.Begin(Phase::kMoveConnections);
  if (!mover_.MoveAll(retire, stay, deadline)) {
    pool_.retiring.insert(ours.begin(), ours.end());
    return {pool_.cancelled.load() ? OperationResult::kCancelled : OperationResult::kTimedOut,
            "connections are left on reactors to be removed, which still serve them; resize again"};
  }
  pool_.Begin(Phase::kJoin);
  pool_.reactors.Stop(retire);
  for (auto slot = retire.rbegin(); slot != retire.rend(); ++slot) {
    pool_.retiring.erase(*slot);
    if (pool_.options.fault_close_listeners) pool_.listeners.Close(*slot);
  }
  return {OperationResult::kSucceeded, "shrank from ", from, " to ", request.target, " reactors"};
}

}  // namespace echogw::server
