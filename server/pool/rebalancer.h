// Evens out the load of the reactors: measures loads, plans moves and carries them out in rounds,
// on request or, in the automatic mode, ten times a second. The automatic mode also shifts the
// shares of new connections. Control thread, except the settings of the automatic mode.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "reactor/base/mutex.h"
#include "server/pool/balance.h"
#include "server/pool/mover.h"
#include "server/pool/pool_context.h"

namespace echogw::server {

class Rebalancer {
 public:
  Rebalancer(PoolContext& pool, Mover& mover) : pool_(pool), mover_(mover) {}

  [[nodiscard]] Outcome Handle(const RebalanceRequest& request);

  // Any thread; `policy` unset leaves the policy unchanged.
  void SetAutomatic(bool enabled, std::optional<RebalancePolicy> policy);
  [[nodiscard]] bool automatic() const;
  [[nodiscard]] RebalancePolicy policy() const;

  // A step of the automatic mode, if one is due. Returns the time until the next call.
  [[nodiscard]] std::chrono::milliseconds Tick();

 private:
  using Counters = std::vector<CounterSnapshot>;  // by slot

  [[nodiscard]] Counters Sample() const;
  [[nodiscard]] std::vector<ReactorLoad> LoadsSince(const Counters& before,
                                                    RebalancePolicy policy) const;
  [[nodiscard]] std::vector<ReactorLoad> Measure(RebalancePolicy policy);
  void Balance(RebalancePolicy policy);

  PoolContext& pool_;
  Mover& mover_;

  mutable Mutex mutex_;
  bool automatic_ ECHOGW_GUARDED_BY(mutex_) = false;
  RebalancePolicy policy_ ECHOGW_GUARDED_BY(mutex_) = RebalancePolicy::kConnections;

  // ---- automatic mode, control thread only ----
  Counters sample_;
  SteadyTime next_tick_{};
  int ticks_uneven_ = 0;
  bool shares_set_ = false;
};

}  // namespace echogw::server
