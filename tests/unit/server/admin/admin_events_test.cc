// Goal: what operators read among the events is called as they call it, says who did what, and
// holds nothing that did not happen. Method: every change by RPC over a FakeControl.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/unit/server/admin/admin_fixture.h"

namespace echogw::server {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Stub = pb::Admin::Stub;

class AdminEventsTest : public AdminTest {
 protected:
  // "kind: message" of every event, which must have come from this client.
  std::vector<std::string> Events() {
    pb::ListEventsResponse response;
    EXPECT_TRUE(Call(*stub_, &Stub::ListEvents, pb::ListEventsRequest(), response).ok());
    std::vector<std::string> all;
    for (const pb::Event& event : response.events()) {
      EXPECT_THAT(event.actor(), StartsWith("ipv4:127.0.0.1:"));
      all.push_back(event.kind() + ": " + event.message());
    }
    return all;
  }
};

TEST_F(AdminEventsTest, AreCalledAsOperatorsCallThem) {
  log_control_.now = {"debug", ""};
  pb::ResizeRequest resize;
  resize.set_target(4);
  pb::ResizeResponse resized;
  ASSERT_TRUE(Call(*stub_, &Stub::Resize, resize, resized).ok());
  pb::MoveRequest move;
  move.set_from_reactor(3);
  move.set_to_reactor(1);
  pb::MoveResponse moved;
  ASSERT_TRUE(Call(*stub_, &Stub::Move, move, moved).ok());
  pb::RebalanceRequest rebalance;
  pb::RebalanceResponse rebalanced;
  ASSERT_TRUE(Call(*stub_, &Stub::Rebalance, rebalance, rebalanced).ok());
  rebalance.set_auto_(pb::AUTO_REBALANCE_ON);
  ASSERT_TRUE(Call(*stub_, &Stub::Rebalance, rebalance, rebalanced).ok());
  pb::SetSteeringRequest steer;
  steer.set_reset(true);
  pb::SetSteeringResponse steered;
  ASSERT_TRUE(Call(*stub_, &Stub::SetSteering, steer, steered).ok());
  pb::DrainRequest drain;
  pb::DrainResponse drained;
  ASSERT_TRUE(Call(*stub_, &Stub::Drain, drain, drained).ok());
  drain.set_reactor(1);
  ASSERT_TRUE(Call(*stub_, &Stub::Drain, drain, drained).ok());
  pb::UndrainResponse undrained;
  ASSERT_TRUE(Call(*stub_, &Stub::Undrain, pb::UndrainRequest(), undrained).ok());
  pb::CloseConnectionsRequest close;
  close.add_ids(5);
  pb::CloseConnectionsResponse closed;
  ASSERT_TRUE(Call(*stub_, &Stub::CloseConnections, close, closed).ok());
  pb::SetLimitsRequest limits;
  limits.mutable_limits()->set_accept_rate(100);
  limits.mutable_limits()->set_accept_excess(pb::ACCEPT_EXCESS_RESET);
  limits.set_dry_run(true);
  pb::SetLimitsResponse limited;
  ASSERT_TRUE(Call(*stub_, &Stub::SetLimits, limits, limited).ok());
  EXPECT_EQ(limited.limits().accept_rate(), 100U);
  pb::GetLimitsResponse in_force;
  ASSERT_TRUE(Call(*stub_, &Stub::GetLimits, pb::GetLimitsRequest(), in_force).ok());
  EXPECT_EQ(in_force.limits().accept_rate(), 0U) << "a dry run is none";
  limits.set_dry_run(false);
  ASSERT_TRUE(Call(*stub_, &Stub::SetLimits, limits, limited).ok());
  EXPECT_EQ(limited.before().accept_rate(), 0U);
  ASSERT_TRUE(Call(*stub_, &Stub::GetLimits, pb::GetLimitsRequest(), in_force).ok());
  EXPECT_EQ(in_force.limits().accept_rate(), 100U);
  pb::SetLogLevelRequest level;
  level.set_level("debug");
  pb::SetLogLevelResponse levels;
  ASSERT_TRUE(Call(*stub_, &Stub::SetLogLevel, level, levels).ok());
  EXPECT_THAT(Events(),
              ElementsAre("resize: operation 1 began: resize to 4 reactors",
                          "move: operation 2 began: move from reactor 3",
                          "rebalance: operation 3 began: rebalance", "rebalance: automatic mode on",
                          "steer: weights set", "drain: operation 4 began: drain of the gateway",
                          "drain: operation 5 began: drain of reactor 1",
                          "undrain: back in service", "close: closed 2 connections",
                          "limits: accept_rate 0 -> 100, accept_excess wait -> reset",
                          "log-level: console debug"));
}

TEST_F(AdminEventsTest, RefusalsAreWarnings) {
  pb::ResizeResponse resized;
  EXPECT_FALSE(Call(*stub_, &Stub::Resize, pb::ResizeRequest(), resized).ok());
  const auto events = events_.After(0, 10).events;
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, "resize");
  EXPECT_EQ(events[0].severity, EventSeverity::kWarning);
  EXPECT_THAT(events[0].message, StartsWith("INVALID_ARGUMENT: target: "));
}

TEST_F(AdminEventsTest, TheWordsOfARefusedRequestAreEscapedAndCut) {
  pb::SetLogLevelRequest request;
  request.set_level("loud\nforged\x1b[31m" + std::string(60'000, 'z'));
  pb::SetLogLevelResponse response;
  const grpc::Status status = Call(*stub_, &Stub::SetLogLevel, request, response);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  const Event event = events_.After(0, 10).events.at(0);
  for (const std::string& text : {status.error_message(), event.message}) {
    EXPECT_THAT(text, HasSubstr(R"('loud\nforged\x1b[31mzzz)"));
    EXPECT_THAT(text, EndsWith(" bytes)"));
    EXPECT_LT(text.size(), 1100U);
  }
}

TEST_F(AdminEventsTest, AnUndrainThatWaitsHidesNoEvent) {
  control_.during_undrain = [this] {
    events_.Add({.kind = "state"});
    EXPECT_EQ(events_.After(0, 10).events.size(), 1U);
  };
  pb::UndrainResponse undrained;
  ASSERT_TRUE(Call(*stub_, &Stub::Undrain, pb::UndrainRequest(), undrained).ok());
  EXPECT_EQ(events_.After(0, 10).events.size(), 2U);
}

TEST_F(AdminEventsTest, NameAnIpv6PeerInBrackets) {
  StartServer({}, "::1");
  pb::UndrainResponse undrained;
  ASSERT_TRUE(Call(*stub_, &Stub::Undrain, pb::UndrainRequest(), undrained).ok());
  EXPECT_THAT(events_.After(0, 10).events.at(0).actor, StartsWith("ipv6:[::1]:"));
}

TEST_F(AdminEventsTest, ADryRunIsNone) {
  pb::ResizeRequest resize;
  resize.set_target(4);
  resize.set_dry_run(true);
  pb::ResizeResponse resized;
  ASSERT_TRUE(Call(*stub_, &Stub::Resize, resize, resized).ok());
  pb::RebalanceRequest rebalance;
  rebalance.set_dry_run(true);
  pb::RebalanceResponse rebalanced;
  ASSERT_TRUE(Call(*stub_, &Stub::Rebalance, rebalance, rebalanced).ok());
  pb::CloseConnectionsRequest close;
  close.add_ids(5);
  close.set_dry_run(true);
  pb::CloseConnectionsResponse closed;
  ASSERT_TRUE(Call(*stub_, &Stub::CloseConnections, close, closed).ok());
  EXPECT_EQ(closed.closed(), 2U);
  EXPECT_THAT(Events(), IsEmpty());
}

TEST(EventPlace, ComesBeforeWhatItCaused) {
  EventLog log;
  log.Add({.message = "earlier"});
  {
    EventLog::Reservation place(log);
    log.Add({.message = "its effect"});
    EXPECT_EQ(log.After(0, 10).events.size(), 1U) << "nothing is seen beyond an open place";
    place.Fill({.message = "the cause"});
  }
  const auto batch = log.After(0, 10);
  ASSERT_EQ(batch.events.size(), 3U);
  EXPECT_EQ(batch.events[1].message, "the cause");
  EXPECT_EQ(batch.events[2].message, "its effect");
  EXPECT_EQ(batch.events[2].id, 3U);
  EXPECT_LE(batch.events[1].time, batch.events[2].time);
  EXPECT_EQ(batch.dropped, 0U);
}

TEST(EventActor, OfAnOperationsEndIsWhoBeganIt) {
  EventLog log;
  log.Add({.actor = "token alice", .operation = 7});
  {
    EventLog::Reservation place(log);
    log.AddOperation({.id = 8});
    place.Fill({.actor = "token bob", .operation = 8});
  }
  log.AddOperation({.id = 7});
  log.AddOperation({.id = 9});
  std::vector<std::string> actors;
  for (const Event& event : log.After(0, 10).events) actors.push_back(event.actor);
  EXPECT_THAT(actors,
              ElementsAre("token alice", "token bob", "token bob", "token alice", "gateway"));
}

TEST(EventPlace, LeavesNothingWhenItIsGivenUp) {
  EventLog log;
  { const EventLog::Reservation place(log); }
  log.Add({.message = "one"});
  ASSERT_EQ(log.After(0, 10).events.size(), 1U);
  EXPECT_EQ(log.After(0, 10).events[0].id, 1U);
  {
    const EventLog::Reservation place(log);
    log.Add({.message = "three"});
  }
  const auto batch = log.After(1, 10);
  ASSERT_EQ(batch.events.size(), 1U);
  EXPECT_EQ(batch.events[0].id, 3U);
  EXPECT_EQ(batch.dropped, 0U) << "an event that never was is not lost";
}

TEST(EventPlace, MayBeForgottenBeforeItIsFilled) {
  EventLog log;
  EventLog::Reservation place(log);
  for (std::size_t i = 0; i < EventLog::kKept + 3; ++i) log.Add({.message = "flood"});
  place.Fill({.message = "late"});
  const auto batch = log.After(0, 5000);
  EXPECT_EQ(batch.events.size(), EventLog::kKept);
  EXPECT_EQ(batch.events.back().message, "flood");
  EXPECT_EQ(batch.dropped, 4U);
}

TEST(EventKind, IsOneWordForBothDrains) {
  EXPECT_STREQ(EventKind(OperationKind::kResize), "resize");
  EXPECT_STREQ(EventKind(OperationKind::kMove), "move");
  EXPECT_STREQ(EventKind(OperationKind::kRebalance), "rebalance");
  EXPECT_STREQ(EventKind(OperationKind::kDrainReactor), "drain");
  EXPECT_STREQ(EventKind(OperationKind::kDrainGateway), "drain");
}

}  // namespace
}  // namespace echogw::server
