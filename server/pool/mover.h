// Moves listeners and connections between reactors. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "reactor/command.h"
#include "server/pool/pool_context.h"

namespace echogw::server {

class Mover {
 public:
  explicit Mover(PoolContext& pool) : pool_(pool) {}

  [[nodiscard]] Outcome Handle(const MoveRequest& request);

  // Carries out planned moves. Returns the number of connections moved: fewer than planned if some
  // were gone or `cancel` was set.
  std::uint64_t Move(std::vector<PlannedMove> moves, Nanos residency_min,
                     const std::atomic<bool>& cancel);
  // Moves all connections of `from`; false if some are left at the deadline, or when the operation
  // is cancelled.
  [[nodiscard]] bool MoveAll(const Slots& from, const Slots& to, SteadyTime deadline);

  // All listeners that `from` accepts from go to `to`; false if it does not report in time.
  [[nodiscard]] bool HandOver(std::uint32_t from, const Slots& to);
  // The owner of a slot's listeners hands them back to the slot's own reactor.
  [[nodiscard]] bool GiveBack(std::uint32_t slot);
  // Reactors that were being removed or drained serve again, with their own listeners.
  void TakeBack(const Slots& slots);

 private:
  using Sources = std::map<std::uint64_t, std::uint32_t>;  // by the id of the command
  // Reports of the moves. Those not done at the deadline, or when `cancel` is set, are halted: no
  // move continues behind the next step.
  [[nodiscard]] std::vector<Report> Await(Sources moves, SteadyTime deadline,
                                          const std::atomic<bool>* cancel);
  // Sends a move of no connections: it replaces the current move, which is then reported.
  std::uint64_t SendEmptyMove(std::uint32_t slot);
  // Waits until connections sent to these reactors are counted there, so that a caller that sees
  // the end of a move sees its effect.
  void AwaitArrivals(const Slots& reactors);

  PoolContext& pool_;
};

}  // namespace echogw::server
