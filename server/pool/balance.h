// Plans which reactor gives how many connections to which other one. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "server/pool/control.h"

namespace echogw::server {

struct ReactorLoad {
  std::uint32_t reactor = 0;
  std::uint64_t connections = 0;
  // In the unit of the policy: connections, bytes per second, or busy share.
  double load = 0;
};

// The largest load over the mean: 1 if all are equal, idle or absent.
[[nodiscard]] double Imbalance(std::span<const ReactorLoad> loads);

// The fewest connections to move so that every reactor has the mean, rounded. `max_moves` 0: no
// limit. For loads other than connections, each connection counts as the average of its reactor; a
// reactor with a single connection gives none away, which would only move the imbalance.
[[nodiscard]] std::vector<PlannedMove> PlanMoves(std::span<const ReactorLoad> loads,
                                                 RebalancePolicy policy, std::uint64_t max_moves);

// The loads that are expected after the moves, each connection with the average load of its
// reactor.
[[nodiscard]] std::vector<ReactorLoad> LoadsAfter(std::span<const ReactorLoad> loads,
                                                  std::span<const PlannedMove> moves);

// Shares of new connections, 1 to 20 with a mean near 10, larger where the load is smaller.
[[nodiscard]] std::vector<std::uint32_t> PlanShares(std::span<const ReactorLoad> loads);

}  // namespace echogw::server
