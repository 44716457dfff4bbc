// A pool takes the place of one in another process, or gives its place away: see handover.h. The
// part of ReactorPool that only the processes of an upgrade use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/pool/handover.h"
#include "server/pool/pool_context.h"
#include "server/pool/rebalancer.h"
#include "server/pool/taken_sockets.h"
#include "server/pool/upgrader.h"

namespace echogw::server {

class Takeover {
 public:
  Takeover(PoolContext& pool, Rebalancer& rebalancer, Upgrader& upgrader)
      : pool_(pool), rebalancer_(rebalancer), upgrader_(upgrader) {}

  // Upgrades need one. Before the first of them; it outlives the pool.
  void SetLauncher(SuccessorLauncher& launcher) { upgrader_.SetLauncher(&launcher); }
  // Before the control thread starts. The reactors run, without listeners, in every slot that had
  // one. They get listeners, connections, counters, weights and states as in `state`.
  void Take(const PoolState& state, std::vector<SlotConnections> connections);

  // ---- any thread ----

  // The listen addresses of another process that this one does not serve.
  [[nodiscard]] std::vector<std::string> Unknown(const PoolSockets& sockets) const {
    return UnknownAddresses(pool_.options, sockets);
  }
  // What the other process counted by now, with the connections that stayed there.
  void SetBase(std::uint32_t slot, const CounterSnapshot& base) { pool_.base.Set(slot, base); }
  // The operation that the other process began has ended here.
  void EndOperation(std::uint64_t id, std::uint64_t connections, std::chrono::nanoseconds pause,
                    const std::string& message);
  // After an upgrade: connections that are open here, or wait at an address that the other process
  // does not have.
  [[nodiscard]] std::uint64_t Remaining() const {
    return OwnConnections(pool_.reactors) + pool_.listeners.Waiting();
  }

 private:
  PoolContext& pool_;
  Rebalancer& rebalancer_;
  Upgrader& upgrader_;
};

}  // namespace echogw::server
