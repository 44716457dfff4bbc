#include "server/pool/balance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace echogw::server {
namespace {

double Sum(std::span<const ReactorLoad> loads) {
  double sum = 0;
  for (const ReactorLoad& l : loads) sum += l.load;
  return sum;
}

// The connections of each reactor above (positive) or below (negative) its target. Sums to 0.
std::vector<std::int64_t> ConnectionSurplus(std::span<const ReactorLoad> loads) {
  std::uint64_t total = 0;
  for (const ReactorLoad& l : loads) total += l.connections;
  const std::uint64_t share = total / loads.size();
  std::uint64_t one_more = total % loads.size();  // how many reactors may have one above the share

  // Reactors with the most keep the remainder, so that the fewest move.
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

// A plan by load, where every connection counts as the average of its reactor.
class LoadPlan {
 public:
  explicit LoadPlan(std::span<const ReactorLoad> loads)
      : loads_(loads), mean_(Sum(loads) / static_cast<double>(loads.size())) {
    for (const ReactorLoad& l : loads) {
      load_.push_back(l.load);
      may_give_.push_back(l.connections > 1 ? l.connections - 1 : 0);
    }
  }

  std::vector<PlannedMove> Make() {
    for (std::size_t from = 0; from < loads_.size(); ++from) GiveDownToMean(from);
    // In each pair, one side is now within one connection of the mean.
    for (std::size_t i = 0; i < 4 * loads_.size() && GiveOne(); ++i) {
    }
    return std::move(moves_);
  }

 private:
  [[nodiscard]] double Each(std::size_t i) const {
    return loads_[i].load / static_cast<double>(loads_[i].connections);
  }
  [[nodiscard]] bool Gives(std::size_t i) const {
    return loads_[i].load > mean_ && may_give_[i] > 0;
  }
  [[nodiscard]] bool Takes(std::size_t i) const { return loads_[i].load < mean_; }

  void Give(std::size_t from, std::size_t to, std::uint64_t n) {
    load_[from] -= Each(from) * static_cast<double>(n);
    load_[to] += Each(from) * static_cast<double>(n);
    may_give_[from] -= n;
    const auto same = std::find_if(moves_.begin(), moves_.end(), [&](const PlannedMove& m) {
      return m.from == loads_[from].reactor && m.to == loads_[to].reactor;
    });
    if (same != moves_.end()) {
      same->connections += n;
    } else {
      moves_.push_back({loads_[from].reactor, loads_[to].reactor, n});
    }
  }

  // Moves whole connections that take neither side past the mean.
  void GiveDownToMean(std::size_t from) {
    for (std::size_t to = 0; to < loads_.size() && Gives(from); ++to) {
      const double room = std::min(load_[from] - mean_, mean_ - load_[to]);
      if (!Takes(to) || room < Each(from)) continue;
      Give(from, to, std::min(static_cast<std::uint64_t>(room / Each(from)), may_give_[from]));
    }
  }

  // Moves one connection to the emptiest reactor from the fullest one for which it pays: the two
  // must differ by 1.5 connections. Afterwards they differ by at most half a connection the other
  // way, so the next plan does not move it back, even if the loads have changed a little.
  bool GiveOne() {
    std::size_t to = loads_.size();
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      if (Takes(i) && (to == loads_.size() || load_[i] < load_[to])) to = i;
    }
    if (to == loads_.size()) return false;
    std::size_t from = loads_.size();
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      if (!Gives(i) || load_[i] - load_[to] < kWorthwhile * Each(i)) continue;
      if (from == loads_.size() || load_[i] > load_[from]) from = i;
    }
    if (from == loads_.size()) return false;
    Give(from, to, 1);
    return true;
  }

  // In connections.
  static constexpr double kWorthwhile = 1.5;

  const std::span<const ReactorLoad> loads_;
  const double mean_;
  std::vector<double> load_;  // as it would be after moves_
  std::vector<std::uint64_t> may_give_;
  std::vector<PlannedMove> moves_;
};

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
      policy == RebalancePolicy::kConnections ? PlanByConnections(loads) : LoadPlan(loads).Make();
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

std::vector<ReactorLoad> LoadsAfter(std::span<const ReactorLoad> loads,
                                    std::span<const PlannedMove> moves) {
  std::vector<ReactorLoad> after(loads.begin(), loads.end());
  const auto of = [&](std::uint32_t reactor) {
    return std::ranges::find(loads, reactor, &ReactorLoad::reactor) - loads.begin();
  };
  for (const PlannedMove& move : moves) {
    const auto from = static_cast<std::size_t>(of(move.from));
    const auto to = static_cast<std::size_t>(of(move.to));
    const double load = loads[from].load * static_cast<double>(move.connections) /
                        static_cast<double>(loads[from].connections);
    after[from].connections -= move.connections;
    after[from].load -= load;
    after[to].connections += move.connections;
    after[to].load += load;
  }
  return after;
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

}  // namespace echogw::server
