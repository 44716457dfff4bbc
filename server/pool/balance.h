// Plans of who gives how many connections to whom. Pure functions: loads in, moves out.
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

// Largest load over the mean; 1 is perfect, and what an idle or empty set has.
[[nodiscard]] double Imbalance(std::span<const ReactorLoad> loads);

// The fewest connections to move so that every reactor has the mean, rounded. `max_moves` 0 is no
// limit. Loads other than connections count each connection of a reactor as its average: a reactor
// with a single connection gives none away, because that would only move the imbalance.
[[nodiscard]] std::vector<PlannedMove> PlanMoves(std::span<const ReactorLoad> loads,
                                                 RebalancePolicy policy, std::uint64_t max_moves);

// Shares of new connections, 1 to 20 with a mean near 10, larger where the load is smaller.
[[nodiscard]] std::vector<std::uint32_t> PlanShares(std::span<const ReactorLoad> loads);

}  // namespace echogw::server
