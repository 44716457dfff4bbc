#include "server/pool/balance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace echogw {
namespace {

double Sum(std::span<const ReactorLoad> loads) {
  double sum = 0;
  for (const ReactorLoad& l : loads) sum += l.load;
  return sum;
}

// How many connections each reactor has too many (positive) or too few (negative). Sums to 0.
std::vector<std::int64_t> ConnectionSurplus(std::span<const ReactorLoad> loads) {
  std::uint64_t total = 0;
  for (const ReactorLoad& l : loads) total += l.connections;
  const std::uint64_t share = total / loads.size();
  std::uint64_t one_more = total % loads.size();  // how many reactors may have one above the share

  // Those with most keep the odd ones, so that the fewest move.
  std::vector<std::size_t> order(loads.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&loads](std::size_t a, std::size_t b) {
    return loads[a].connections > loads[b].connections;
  });
  std::vector<std::int64_t> surplus(loads.size());
  for (const std::size_t i : order) {
    const std::uint64_t target = share + (one_more > 0 ? 1 : 0);
    if (one_more > 0) --one_more;
    surplus[i] =
        static_cast<std::int64_t>(loads[i].connections) - static_cast<std::int64_t>(target);
  }
  return surplus;
}

// The same in a unit of load: gives are rounded down to whole average connections of the giver.
std::vector<PlannedMove> PlanByLoad(std::span<const ReactorLoad> loads) {
  const double mean = Sum(loads) / static_cast<double>(loads.size());
  std::vector<double> left(loads.size());
  for (std::size_t i = 0; i < loads.size(); ++i) left[i] = loads[i].load - mean;
  std::vector<PlannedMove> moves;
  for (std::size_t from = 0; from < loads.size(); ++from) {
    if (loads[from].connections < 2 || left[from] <= 0) continue;
    const double each = loads[from].load / static_cast<double>(loads[from].connections);
    std::uint64_t may_give = loads[from].connections - 1;
    for (std::size_t to = 0; to < loads.size() && may_give > 0 && each > 0; ++to) {
      if (left[to] >= 0) continue;
      const double wanted = std::min(left[from], -left[to]) / each;
      const auto n =
          std::min<std::uint64_t>(static_cast<std::uint64_t>(std::llround(wanted)), may_give);
      if (n == 0) continue;
      moves.push_back({loads[from].reactor, loads[to].reactor, n});
      left[from] -= each * static_cast<double>(n);
      left[to] += each * static_cast<double>(n);
      may_give -= n;
    }
  }
  return moves;
}

std::vector<PlannedMove> PlanByConnections(std::span<const ReactorLoad> loads) {
  std::vector<std::int64_t> surplus = ConnectionSurplus(loads);
  std::vector<PlannedMove> moves;
  std::size_t to = 0;
  for (std::size_t from = 0; from < loads.size(); ++from) {
    while (surplus[from] > 0) {
      while (surplus[to] >= 0) ++to;  // sums to 0: there is one
      const std::int64_t n = std::min(surplus[from], -surplus[to]);
      moves.push_back({loads[from].reactor, loads[to].reactor, static_cast<std::uint64_t>(n)});
      surplus[from] -= n;
      surplus[to] += n;
    }
  }
  return moves;
}

}  // namespace

double Imbalance(std::span<const ReactorLoad> loads) {
  const double sum = Sum(loads);
  if (loads.empty() || sum <= 0) return 1;
  double largest = 0;
  for (const ReactorLoad& l : loads) largest = std::max(largest, l.load);
  return largest * static_cast<double>(loads.size()) / sum;
}

std::vector<PlannedMove> PlanMoves(std::span<const ReactorLoad> loads, RebalancePolicy policy,
                                   std::uint64_t max_moves) {
  if (loads.size() < 2) return {};
  std::vector<PlannedMove> moves =
      policy == RebalancePolicy::kConnections ? PlanByConnections(loads) : PlanByLoad(loads);
  if (max_moves == 0) return moves;
  std::uint64_t left = max_moves;
  std::vector<PlannedMove> capped;
  for (PlannedMove m : moves) {
    if (left == 0) break;
    m.connections = std::min(m.connections, left);
    left -= m.connections;
    capped.push_back(m);
  }
  return capped;
}

std::vector<std::uint32_t> PlanShares(std::span<const ReactorLoad> loads) {
  const double sum = Sum(loads);
  std::vector<std::uint32_t> shares(loads.size(), 10);
  if (sum <= 0) return shares;
  const double mean = sum / static_cast<double>(loads.size());
  for (std::size_t i = 0; i < loads.size(); ++i) {
    // At the mean 10; empty 20; at twice the mean or more 1.
    const double share = 10.0 + 10.0 * (mean - loads[i].load) / mean;
    shares[i] = static_cast<std::uint32_t>(std::clamp(share, 1.0, 20.0));
  }
  return shares;
}

}  // namespace echogw
