// Plans must conserve connections, even out what can be evened out, move no more than that needs,
// and come to rest: planning again after a plan was carried out gives nothing more to do.

#include "server/pool/balance.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace echogw::server {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<ReactorLoad> Connections(const std::vector<std::uint64_t>& counts) {
  std::vector<ReactorLoad> loads;
  for (std::uint32_t i = 0; i < counts.size(); ++i) {
    // Numbers with gaps: reactors that do not serve are not in the list.
    loads.push_back({i * 3, counts[i], static_cast<double>(counts[i])});
  }
  return loads;
}

// The loads after the moves, each connection of a reactor counting as its average.
std::vector<ReactorLoad> Apply(std::vector<ReactorLoad> loads,
                               const std::vector<PlannedMove>& moves) {
  const std::vector<ReactorLoad> before = loads;
  auto at = [](std::vector<ReactorLoad>& in, std::uint32_t reactor) -> ReactorLoad& {
    return *std::find_if(in.begin(), in.end(),
                         [reactor](const ReactorLoad& l) { return l.reactor == reactor; });
  };
  for (const PlannedMove& m : moves) {
    std::vector<ReactorLoad> copy = before;
    const ReactorLoad& giver = at(copy, m.from);
    const double moved =
        giver.load / static_cast<double>(giver.connections) * static_cast<double>(m.connections);
    EXPECT_GT(m.connections, 0U);
    EXPECT_NE(m.from, m.to);
    EXPECT_GE(at(loads, m.from).connections, m.connections);
    at(loads, m.from).connections -= m.connections;
    at(loads, m.from).load -= moved;
    at(loads, m.to).connections += m.connections;
    at(loads, m.to).load += moved;
  }
  return loads;
}

std::uint64_t Moved(const std::vector<PlannedMove>& moves) {
  std::uint64_t sum = 0;
  for (const PlannedMove& m : moves) sum += m.connections;
  return sum;
}

TEST(ImbalanceTest, IsTheLargestOverTheMean) {
  EXPECT_DOUBLE_EQ(Imbalance({}), 1);
  EXPECT_DOUBLE_EQ(Imbalance(Connections({0, 0, 0})), 1);
  EXPECT_DOUBLE_EQ(Imbalance(Connections({5})), 1);
  EXPECT_DOUBLE_EQ(Imbalance(Connections({4, 4, 4, 4})), 1);
  EXPECT_DOUBLE_EQ(Imbalance(Connections({16, 0, 0, 0})), 4);
  EXPECT_DOUBLE_EQ(Imbalance(Connections({6, 2})), 1.5);
}

TEST(PlanMovesTest, HasNothingToDoForOneOrNone) {
  EXPECT_THAT(PlanMoves({}, RebalancePolicy::kConnections, 0), IsEmpty());
  EXPECT_THAT(PlanMoves(Connections({100}), RebalancePolicy::kConnections, 0), IsEmpty());
  EXPECT_THAT(PlanMoves(Connections({0, 0}), RebalancePolicy::kConnections, 0), IsEmpty());
  EXPECT_THAT(PlanMoves(Connections({0, 0}), RebalancePolicy::kBytes, 0), IsEmpty());
}

// Random loads: after the plan each has the floor or the ceiling of the mean; the connections moved
// are exactly those above it, so that fewer cannot do; and a second plan is empty.
TEST(PlanMovesTest, ReachesFloorOrCeilingWithTheFewestMoves) {
  Random random(TestSeed());
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint64_t> counts(random.Between(2, 12));
    for (std::uint64_t& c : counts) c = random.Between(0, random.Percent(30) ? 1000 : 9);
    const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    const std::uint64_t floor = total / counts.size();
    const std::uint64_t odd = total % counts.size();

    const auto loads = Connections(counts);
    const auto moves = PlanMoves(loads, RebalancePolicy::kConnections, 0);
    const auto after = Apply(loads, moves);
    std::uint64_t sum = 0;
    for (const ReactorLoad& l : after) {
      sum += l.connections;
      EXPECT_TRUE(l.connections == floor || (odd > 0 && l.connections == floor + 1));
    }
    EXPECT_EQ(sum, total);

    std::uint64_t above_floor = 0;
    std::uint64_t rich = 0;
    for (const std::uint64_t c : counts) {
      if (c <= floor) continue;
      above_floor += c - floor;
      ++rich;
    }
    EXPECT_EQ(Moved(moves), above_floor - std::min(rich, odd));
    EXPECT_THAT(PlanMoves(after, RebalancePolicy::kConnections, 0), IsEmpty());
  }
}

TEST(PlanMovesTest, KeepsToTheMostMoves) {
  Random random(TestSeed());
  for (int round = 0; round < 1000; ++round) {
    std::vector<std::uint64_t> counts(random.Between(2, 8));
    for (std::uint64_t& c : counts) c = random.Between(0, 100);
    const auto loads = Connections(counts);
    const auto policy =
        random.Percent(50) ? RebalancePolicy::kConnections : RebalancePolicy::kBytes;
    const std::uint64_t all = Moved(PlanMoves(loads, policy, 0));
    const std::uint64_t most = random.Between(1, 50);
    const auto moves = PlanMoves(loads, policy, most);
    EXPECT_EQ(Moved(moves), std::min(all, most));
    EXPECT_LE(Imbalance(Apply(loads, moves)), Imbalance(loads) + 1e-9);
  }
}

// A reactor whose one connection is all of its load keeps it: elsewhere it would weigh as much.
TEST(PlanMovesTest, NeverMovesTheConnectionThatIsTheImbalance) {
  const std::vector<ReactorLoad> loads = {{0, 1, 1000}, {1, 5, 10}, {2, 0, 0}};
  for (const PlannedMove& m : PlanMoves(loads, RebalancePolicy::kBytes, 0)) EXPECT_NE(m.from, 0U);
}

TEST(PlanMovesTest, LoadOfZeroGivesNothing) {
  const std::vector<ReactorLoad> loads = {{0, 50, 0}, {1, 0, 0}, {2, 7, 0}};
  EXPECT_THAT(PlanMoves(loads, RebalancePolicy::kBusy, 0), IsEmpty());
}

// Three equal connections on two reactors are as even as they get. A plan that moves one to the
// other side would be followed by one that moves it back.
TEST(PlanMovesTest, DoesNotSwapAnImbalanceFromOneSideToTheOther) {
  const std::vector<ReactorLoad> loads = {{0, 2, 2}, {1, 1, 1}};
  EXPECT_THAT(PlanMoves(loads, RebalancePolicy::kBytes, 0), IsEmpty());
}

// Whatever the loads, carrying out plan after plan improves and then comes to rest, if each
// connection keeps the load of its own.
TEST(PlanMovesTest, LoadsComeToRest) {
  Random random(TestSeed());
  for (int round = 0; round < 1000; ++round) {
    std::vector<std::vector<double>> reactors(random.Between(2, 8));
    for (auto& connections : reactors) {
      connections.resize(random.Between(0, 12));
      // Equal ones: those are what a swap could go on with for ever.
      for (double& load : connections) load = 10;
    }
    auto loads = [&reactors] {
      std::vector<ReactorLoad> out;
      for (std::uint32_t i = 0; i < reactors.size(); ++i) {
        out.push_back(
            {i, reactors[i].size(), std::accumulate(reactors[i].begin(), reactors[i].end(), 0.0)});
      }
      return out;
    };
    std::vector<PlannedMove> moves;
    for (int plans = 0; plans < 10; ++plans) {
      const double before = Imbalance(loads());
      moves = PlanMoves(loads(), RebalancePolicy::kBytes, 0);
      for (const PlannedMove& m : moves) {
        for (std::uint64_t i = 0; i < m.connections; ++i) {
          ASSERT_FALSE(reactors[m.from].empty());
          reactors[m.to].push_back(reactors[m.from].back());
          reactors[m.from].pop_back();
        }
      }
      EXPECT_LE(Imbalance(loads()), before + 1e-9);
      if (moves.empty()) break;
    }
    EXPECT_THAT(moves, IsEmpty()) << "still moving in round " << round;
    // With so many connections a plan can get close.
    std::size_t total = 0;
    for (const auto& connections : reactors) total += connections.size();
    if (total >= 40 * reactors.size()) {
      EXPECT_LE(Imbalance(loads()), 1.1);
    }
  }
}

TEST(PlanMovesTest, ManyConnectionsOfUnevenLoadBecomeEven) {
  const std::vector<ReactorLoad> loads = {{0, 100, 1000}, {1, 100, 10}, {2, 100, 10}, {3, 9, 100}};
  EXPECT_LE(Imbalance(Apply(loads, PlanMoves(loads, RebalancePolicy::kBusy, 0))), 1.05);
}

TEST(LoadsAfterTest, EachConnectionTakesTheAverageLoadOfItsReactor) {
  const std::vector<ReactorLoad> loads = {{0, 4, 8.0}, {3, 1, 2.0}, {6, 0, 0.0}};
  const auto after =
      LoadsAfter(loads, std::vector<PlannedMove>{{.from = 0, .to = 6, .connections = 2},
                                                 {.from = 0, .to = 3, .connections = 1}});
  EXPECT_DOUBLE_EQ(after[0].load, 2);
  EXPECT_DOUBLE_EQ(after[1].load, 4);
  EXPECT_DOUBLE_EQ(after[2].load, 4);
  EXPECT_EQ(after[0].connections, 1U);
  EXPECT_EQ(after[1].connections, 2U);
  EXPECT_EQ(after[2].connections, 2U);
}

TEST(PlanSharesTest, LeansTowardsThoseWithLess) {
  EXPECT_THAT(PlanShares(Connections({0, 0, 0})), ElementsAre(10, 10, 10));
  EXPECT_THAT(PlanShares(Connections({7, 7})), ElementsAre(10, 10));
  EXPECT_THAT(PlanShares(Connections({10, 0})), ElementsAre(1, 20));
  EXPECT_THAT(PlanShares(Connections({4, 2, 0})), ElementsAre(1, 10, 20));
  EXPECT_THAT(PlanShares({}), IsEmpty());
}

TEST(PlanSharesTest, StaysInBoundsAndIsMonotonic) {
  Random random(TestSeed());
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint64_t> counts(random.Between(1, 16));
    for (std::uint64_t& c : counts) c = random.Between(0, random.Percent(20) ? 1'000'000 : 10);
    const auto shares = PlanShares(Connections(counts));
    ASSERT_EQ(shares.size(), counts.size());
    EXPECT_THAT(shares, Each(::testing::AllOf(::testing::Ge(1U), ::testing::Le(20U))));
    for (std::size_t i = 0; i < counts.size(); ++i) {
      for (std::size_t j = 0; j < counts.size(); ++j) {
        if (counts[i] < counts[j]) {
          EXPECT_GE(shares[i], shares[j]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace echogw::server
