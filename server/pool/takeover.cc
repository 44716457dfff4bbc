#include "server/pool/takeover.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

constexpr std::chrono::seconds kLimitsTimeout{5};

}  // namespace

void Takeover::Take(const PoolState& state, std::vector<SlotConnections> connections) {
  pool_.operations.Restore(state.operations);
  pool_.lineage = state.lineage;
  Limits limits = state.limits;
  if (pool_.options.reactor.poller == PollerKind::kIoUring &&
      (limits.rate != 0 || limits.output_buffer != 0)) {
    limits.rate = limits.output_buffer = 0;
    pool_.log.Write(LogLevel::kWarning,
                    "io_uring has no rate and no output buffer limit; those in force have ended");
  }
  if (absl::Status s = pool_.listeners.ApplyOptions(); !s.ok()) {
    pool_.log.Write(LogLevel::kWarning, absl::StrCat("the sockets keep some of their options: ",
                                                     std::string(s.message())));
  }
  if (pool_.reactors.SetLimits(limits, kLimitsTimeout) > 0) {
    pool_.log.Write(LogLevel::kWarning, "some reactors did not respond to the limits");
  }
  std::vector<SteeringWeight> weights;
  for (std::uint32_t slot = 0; slot < state.slots.size(); ++slot) {
    const SlotState& from = state.slots[slot];
    pool_.base.Set(slot, from.counters);
    pool_.base.SetIdsGiven(slot, from.ids_given);
    weights.push_back({slot, from.weight});
    if (from.retiring) pool_.retiring.insert(slot);
    if (from.state != ReactorState::kParked) pool_.reactors.SetState(slot, from.state);
  }
  pool_.steering.SetWeights(weights);
  std::vector<std::uint64_t> ids;
  // Before a reactor accepts; one without listeners may get some later.
  for (const std::uint32_t slot : pool_.reactors.Running()) {
    ids.push_back(
        pool_.reactors.Send(slot, AdoptListeners{.ids_given = state.slots[slot].ids_given}));
  }
  for (std::uint32_t slot = 0; slot < state.slots.size(); ++slot) {
    const std::uint32_t owner = state.slots[slot].owner;
    pool_.listeners.SetOwner(slot, owner);
    ids.push_back(
        pool_.reactors.Send(owner, AdoptListeners{.listeners = pool_.listeners.ListenersOf(slot)}));
  }
  for (SlotConnections& one : connections) GiveConnections(pool_.reactors, std::move(one));
  (void)pool_.reactors.Await(std::move(ids), std::chrono::steady_clock::now() + kAnswerTimeout);
  pool_.steering.ApplyAndAwait();
  rebalancer_.SetAutomatic(state.auto_rebalance, state.policy);
}

void Takeover::EndOperation(std::uint64_t id, std::uint64_t connections,
                            std::chrono::nanoseconds pause, const std::string& message) {
  if (id == 0 || !pool_.operations.Get(id).ok()) return;
  pool_.operations.Update(id, [&](Operation& o) {
    o.connections_moved = connections;
    o.pause = pause;
  });
  const Operation ended = pool_.operations.Finish(id, OperationResult::kSucceeded, message);
  if (pool_.operation_observer) pool_.operation_observer(ended);
}

}  // namespace echogw::server
