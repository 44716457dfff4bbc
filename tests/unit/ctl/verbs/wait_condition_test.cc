// Goal: every condition holds exactly when its words say so.
#include "ctl/verbs/wait_condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace echogw::ctl {
namespace {

admin::v1::GetStatsResponse Stats(std::uint64_t connections) {
  admin::v1::GetStatsResponse stats;
  stats.set_state(admin::v1::GATEWAY_STATE_SERVING);
  stats.mutable_total()->set_connections_active(connections);
  for (const auto state : {admin::v1::REACTOR_STATE_SERVING, admin::v1::REACTOR_STATE_SERVING,
                           admin::v1::REACTOR_STATE_DRAINING, admin::v1::REACTOR_STATE_PARKED}) {
    stats.add_reactors()->set_state(state);
  }
  return stats;
}

bool Holds(const std::string& text, const admin::v1::GetStatsResponse& stats) {
  const auto condition = WaitCondition::Parse(text);
  EXPECT_TRUE(condition.ok()) << condition.status();
  return condition.ok() && condition->Holds(stats);
}

TEST(WaitConditionTest, CountsCompare) {
  const std::vector<std::pair<std::string, std::vector<bool>>> cases = {
      {"connections=5", {false, true, false}}, {"connections<5", {true, false, false}},
      {"connections<=5", {true, true, false}}, {"connections>5", {false, false, true}},
      {"connections>=5", {false, true, true}}, {"connections=0", {false, false, false}}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(
        (std::vector<bool>{Holds(text, Stats(4)), Holds(text, Stats(5)), Holds(text, Stats(6))}),
        expected)
        << text;
  }
}

TEST(WaitConditionTest, OnlyServingReactorsCount) {
  EXPECT_TRUE(Holds("reactors=2", Stats(0)));
  EXPECT_FALSE(Holds("reactors>2", Stats(0)));
  EXPECT_EQ(WaitCondition::Parse("reactors=2")->Observed(Stats(0)), "2");
}

TEST(WaitConditionTest, States) {
  admin::v1::GetStatsResponse stats = Stats(0);
  EXPECT_TRUE(Holds("serving", stats));
  EXPECT_FALSE(Holds("drained", stats));
  stats.set_state(admin::v1::GATEWAY_STATE_DRAINED);
  EXPECT_FALSE(Holds("serving", stats));
  EXPECT_TRUE(Holds("drained", stats));
  stats.set_state(admin::v1::GATEWAY_STATE_STOPPED);
  EXPECT_TRUE(Holds("drained", stats));
  stats.mutable_total()->set_connections_active(1);
  EXPECT_FALSE(Holds("drained", stats));
  EXPECT_EQ(WaitCondition::Parse("drained")->Observed(stats), "stopped");
}

TEST(WaitConditionTest, OperationsAreNotOfASnapshot) {
  EXPECT_EQ(WaitCondition::Parse("operation=7")->operation(), 7U);
  EXPECT_EQ(WaitCondition::Parse("connections=7")->operation(), 0U);
  EXPECT_FALSE(Holds("operation=7", Stats(7)));
}

TEST(WaitConditionTest, RefusesTheRest) {
  for (const char* text :
       {"", "Serving", "serving=1", "connections", "connections=", "connections==0",
        "connections=-1", "connections= 1", "connections=1x", "connections=<1", "reactor=1",
        "operation=0", "operation>1", "operation=", "=1", "connections=99999999999999999999"}) {
    const auto condition = WaitCondition::Parse(text);
    ASSERT_FALSE(condition.ok()) << text;
    EXPECT_THAT(std::string(condition.status().message()),
                testing::HasSubstr("is not a condition; use serving, drained, connections=N"));
  }
}

}  // namespace
}  // namespace echogw::ctl
