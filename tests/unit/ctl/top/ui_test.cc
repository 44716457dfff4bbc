// Goal: every key does what the footer and the help say, nothing is sent without the question that
// belongs to it, and what comes late or fails is shown as such. Method: keys and messages into the
// view, requests and rows of the screen out of it; no terminal, no network, no clock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/top/top_fixture.h"

namespace echogw::ctl::top {
namespace {

using admin::v1::CloseConnectionsRequest;
using admin::v1::DrainRequest;
using admin::v1::GetConnectionRequest;
using admin::v1::ListConnectionsRequest;
using admin::v1::ListEventsRequest;
using admin::v1::RebalanceRequest;
using admin::v1::ResizeRequest;
using admin::v1::UndrainRequest;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

constexpr int kStatusRow = 22;

class TopUiTest : public testing::Test {
 protected:
  TopUiTest() { driver.Feed(); }
  TopUi& ui() { return driver.ui; }
  std::string Status() { return driver.Row(kStatusRow); }
  std::uint32_t selected() { return ui().state().reactors.selected; }

  UiDriver driver;
};

TEST_F(TopUiTest, SelectionStaysWithTheReactor) {
  EXPECT_EQ(selected(), 0U);
  driver.Type("j");
  EXPECT_EQ(selected(), 1U);
  driver.Press(Key::Code::kDown);
  driver.Press(Key::Code::kDown);
  EXPECT_EQ(selected(), 2U);
  driver.Type("k");
  EXPECT_EQ(selected(), 1U);
  // Most connections first: reactor 1 moves up and stays selected.
  driver.Type(">>>>");
  EXPECT_EQ(ui().state().reactors.sort, Column::kConnections);
  EXPECT_TRUE(ui().state().reactors.descending);
  EXPECT_EQ(selected(), 1U);
  driver.Type("j");
  EXPECT_EQ(selected(), 0U);
  driver.Press(Key::Code::kEnd);
  EXPECT_EQ(selected(), 2U);
  driver.Press(Key::Code::kHome);
  EXPECT_EQ(selected(), 1U);
  driver.Type("r");
  EXPECT_FALSE(ui().state().reactors.descending);
  driver.Type("<s");
  EXPECT_EQ(ui().state().reactors.sort, Column::kConnections);
}

TEST_F(TopUiTest, DrainOfAReactorAsksFirst) {
  driver.Type("jd");
  EXPECT_EQ(Status(), " Drain reactor 1? Its 200 connections move to others. y/n");
  EXPECT_TRUE(driver.SentNothing());
  driver.Type("n");
  EXPECT_EQ(Status(), "");
  EXPECT_TRUE(driver.SentNothing());
  // Other keys neither answer nor do what they do elsewhere.
  driver.Type("d jX\n");
  EXPECT_TRUE(driver.SentNothing());
  driver.Type("y");
  const auto request = driver.Sent<DrainRequest>();
  EXPECT_TRUE(request.has_reactor());
  EXPECT_EQ(request.reactor(), 1U);
  EXPECT_EQ(Status(), " request sent");
}

TEST_F(TopUiTest, AParkedReactorIsNotDrained) {
  driver.Type("jjd");
  EXPECT_FALSE(ui().state().prompt.has_value());
  EXPECT_THAT(Status(), HasSubstr("reactor 2 is parked"));
}

TEST_F(TopUiTest, DrainOfTheGatewayWantsTheWord) {
  driver.Type("Ddrai");
  EXPECT_THAT(Status(), HasSubstr("Type 'drain' and Enter to drain the gateway: drai_"));
  driver.Type("\n");
  EXPECT_TRUE(driver.SentNothing());
  EXPECT_THAT(Status(), HasSubstr("not done: 'drain' was not typed"));
  driver.Type("Ddrainx\b\n");
  EXPECT_FALSE(driver.Sent<DrainRequest>().has_reactor());
  driver.Type("Ddrain\x1b\n");
  EXPECT_TRUE(driver.SentNothing());
}

TEST_F(TopUiTest, ResizeByOneAndMore) {
  driver.Type("+");
  EXPECT_EQ(Status(), " Resize from 2 to 3 reactors? y/n, + and - change it");
  driver.Type("++-");
  EXPECT_EQ(Status(), " Resize from 2 to 4 reactors? y/n, + and - change it");
  driver.Type("y");
  EXPECT_EQ(driver.Sent<ResizeRequest>().target(), 4U);
  driver.Type("---");
  EXPECT_THAT(Status(), HasSubstr("from 2 to 1 reactors"));
  driver.Type("\x1b");
  EXPECT_TRUE(driver.SentNothing());
}

TEST_F(TopUiTest, ResizeToANumber) {
  driver.Type("Rx1a6");
  EXPECT_EQ(Status(), " Resize from 2 to how many reactors, 1 to 256? 16_");
  driver.Type("\n");
  EXPECT_TRUE(driver.SentNothing());
  EXPECT_THAT(Status(), HasSubstr("from 2 to 16 reactors? y/n"));
  driver.Type("y");
  EXPECT_EQ(driver.Sent<ResizeRequest>().target(), 16U);
  for (const char* bad : {"R0\n", "R257\n", "R99999999999999999999\n"}) {
    driver.Type(bad);
    EXPECT_FALSE(ui().state().prompt.has_value()) << bad;
    EXPECT_THAT(Status(), HasSubstr("a gateway has 1 to 256 reactors")) << bad;
  }
  driver.Type("R\n");
  EXPECT_FALSE(ui().state().prompt.has_value());
  EXPECT_TRUE(driver.SentNothing());
}

TEST_F(TopUiTest, RebalanceGoesAtOnce) {
  driver.Type("b");
  EXPECT_EQ(driver.Sent<RebalanceRequest>().auto_(), admin::v1::AUTO_REBALANCE_UNSPECIFIED);
}

TEST_F(TopUiTest, UndrainTakesBackWhatIsDrained) {
  driver.Type("u");
  EXPECT_TRUE(driver.SentNothing());
  EXPECT_THAT(Status(), HasSubstr("nothing to undrain"));
  admin::v1::GetStatsResponse stats = StatsAfter(2);
  stats.mutable_reactors(1)->set_state(admin::v1::REACTOR_STATE_DRAINED);
  ui().Receive(stats, driver.now);
  driver.Type("ju");
  EXPECT_EQ(driver.Sent<UndrainRequest>().reactor(), 1U);
  stats = StatsAfter(3);
  stats.set_state(admin::v1::GATEWAY_STATE_CLOSING);
  ui().Receive(stats, driver.now);
  driver.Type("u");
  EXPECT_FALSE(driver.Sent<UndrainRequest>().has_reactor());
}

TEST_F(TopUiTest, ConnectionsAreAskedForAgainWhileShown) {
  driver.Type("j\n");
  EXPECT_THAT(driver.Row(5), HasSubstr("Connections of reactor 1, most bytes first"));
  driver.Pass(milliseconds(0));
  auto request = driver.Sent<ListConnectionsRequest>();
  EXPECT_EQ(request.filter().reactors(0), 1U);
  EXPECT_EQ(request.sort(), admin::v1::CONNECTION_SORT_BYTES);
  EXPECT_THAT(driver.Row(7), HasSubstr("loading"));
  // One question at a time.
  driver.Pass(milliseconds(5000));
  EXPECT_TRUE(driver.SentNothing());
  ui().Receive(ConnectionsPage{request, "", SampleConnections(3)}, driver.now);
  driver.Pass(milliseconds(10));
  EXPECT_EQ(driver.Sent<ListConnectionsRequest>().filter().reactors(0), 1U);
  ui().Receive(ConnectionsPage{request, "", SampleConnections(3)}, driver.now);
  driver.Pass(milliseconds(500));
  EXPECT_TRUE(driver.SentNothing());
  driver.Type("\x1b");
  driver.Pass(milliseconds(5000));
  EXPECT_TRUE(driver.SentNothing());
}

TEST_F(TopUiTest, ALateAnswerOfAnotherListIsDropped) {
  driver.Type("j\n");
  driver.Pass(milliseconds(0));
  const auto old = driver.Sent<ListConnectionsRequest>();
  driver.Type("s");
  EXPECT_EQ(driver.Sent<ListConnectionsRequest>().sort(), admin::v1::CONNECTION_SORT_PENDING);
  ui().Receive(ConnectionsPage{old, "", SampleConnections(3)}, driver.now);
  EXPECT_THAT(driver.Screen(), Not(HasSubstr("192.168.1.7")));
  driver.Type("ss<");
  EXPECT_EQ(ui().state().connections.sort, admin::v1::CONNECTION_SORT_AGE);
}

TEST_F(TopUiTest, ClosesTheSelectedConnectionWhereverItHasGone) {
  driver.Type("j\n");
  driver.Pass(milliseconds(0));
  const auto request = driver.Sent<ListConnectionsRequest>();
  ui().Receive(ConnectionsPage{request, "", SampleConnections(3)}, driver.now);
  driver.Type("j");
  // The list turns around; the selection goes with connection 1001.
  admin::v1::ListConnectionsResponse turned = SampleConnections(3);
  turned.mutable_connections()->SwapElements(0, 1);
  ui().Receive(ConnectionsPage{request, "", turned}, driver.now);
  driver.Type("x");
  EXPECT_EQ(Status(), " Close connection 1001 of 192.168.1.7:40001 with FIN? y/n");
  driver.Type("y");
  auto close = driver.Sent<CloseConnectionsRequest>();
  EXPECT_EQ(close.ids(0), 1001U);
  EXPECT_EQ(close.mode(), admin::v1::CLOSE_MODE_FIN);
  driver.Type("X");
  EXPECT_THAT(Status(), HasSubstr("Reset connection 1001 of 192.168.1.7:40001?"));
  driver.Type("y");
  close = driver.Sent<CloseConnectionsRequest>();
  EXPECT_EQ(close.mode(), admin::v1::CLOSE_MODE_RST);
  // The list is requested again once it is done.
  ui().Receive(ActionNews{ActionNews::Tone::kDone, "connection 1001 was reset"}, driver.now);
  driver.Pass(milliseconds(0));
  driver.Sent<ListConnectionsRequest>();
}

TEST_F(TopUiTest, AnEmptyListHasNothingToClose) {
  driver.Type("\n");
  driver.Pass(milliseconds(0));
  ui().Receive(ConnectionsPage{driver.Sent<ListConnectionsRequest>(), "", {}}, driver.now);
  driver.Type("xXj\n");
  EXPECT_FALSE(ui().state().prompt.has_value());
  EXPECT_FALSE(ui().state().connections.detail_id.has_value());
  EXPECT_THAT(driver.Row(7), HasSubstr("no connections"));
}

TEST_F(TopUiTest, DetailsOfAConnection) {
  driver.Type("j\n");
  driver.Pass(milliseconds(0));
  const auto request = driver.Sent<ListConnectionsRequest>();
  ui().Receive(ConnectionsPage{request, "", SampleConnections(3)}, driver.now);
  driver.Type("\n");
  EXPECT_EQ(driver.Sent<GetConnectionRequest>().id(), 1000U);
  DetailPage detail;
  detail.id = 999;
  detail.error = "of another one";
  ui().Receive(detail, driver.now);
  EXPECT_THAT(driver.Screen(), Not(HasSubstr("another one")));
  detail = {.id = 1000, .error = "", .response = {}};
  *detail.response.mutable_connection() = SampleConnections(1).connections(0);
  detail.response.mutable_tcp()->set_state("ESTABLISHED");
  ui().Receive(detail, driver.now);
  EXPECT_THAT(driver.Screen(), HasSubstr("ESTABLISHED"));
  driver.Type("jx");
  EXPECT_THAT(Status(), HasSubstr("Close connection 1000 of"));
  driver.Type("n\x1b");
  EXPECT_THAT(driver.Row(5), HasSubstr("Connections of reactor 1"));
  driver.Type("\x1b");
  EXPECT_EQ(ui().state().view, View::kReactors);
}

TEST_F(TopUiTest, WhatTheGatewayCannotDoIsShown) {
  driver.Type("e");
  driver.Pass(milliseconds(0));
  driver.Sent<ListEventsRequest>();
  ui().Receive(EventsPage{"this gateway does not know this call", {}}, driver.now);
  EXPECT_THAT(driver.Row(7), HasSubstr("does not know this call"));
  driver.Type("\x1b\n");
  driver.Pass(milliseconds(0));
  ui().Receive(ConnectionsPage{driver.Sent<ListConnectionsRequest>(), "no such call", {}},
               driver.now);
  EXPECT_THAT(driver.Row(7), HasSubstr("no such call"));
}

TEST_F(TopUiTest, EventsKeepTheirSelection) {
  driver.Type("e");
  driver.Pass(milliseconds(0));
  driver.Sent<ListEventsRequest>();
  admin::v1::ListEventsResponse response;
  *response.add_events() = SampleEvent(1, admin::v1::EVENT_SEVERITY_INFO, "state", "one");
  *response.add_events() = SampleEvent(2, admin::v1::EVENT_SEVERITY_INFO, "resize", "two");
  ui().Receive(EventsPage{"", response}, driver.now);
  driver.Type("j");
  EXPECT_EQ(ui().state().events.cursor.selected, 1);
  *response.add_events() = SampleEvent(3, admin::v1::EVENT_SEVERITY_ERROR, "stall", "three");
  ui().Receive(EventsPage{"", response}, driver.now);
  EXPECT_EQ(ui().state().events.cursor.selected, 2);
  // At the top the newest is shown.
  driver.Type("g");
  *response.add_events() = SampleEvent(4, admin::v1::EVENT_SEVERITY_INFO, "state", "four");
  ui().Receive(EventsPage{"", response}, driver.now);
  EXPECT_EQ(ui().state().events.cursor.selected, 0);
}

TEST_F(TopUiTest, PauseHoldsTheScreen) {
  driver.Type(" ");
  const std::string before = driver.Row(2);
  admin::v1::GetStatsResponse stats = StatsAfter(2);
  stats.mutable_total()->set_reads(stats.total().reads() + 5000);
  ui().Receive(stats, driver.now);
  EXPECT_EQ(driver.Row(2), before);
  EXPECT_THAT(driver.Row(0), HasSubstr("PAUSED 22:13:21Z"));
  driver.Type(" ");
  EXPECT_NE(driver.Row(2), before);
  EXPECT_THAT(driver.Row(0), HasSubstr(" 22:13:22Z every 1s"));
}

TEST_F(TopUiTest, ALostGatewaySaysSoUntilItIsBack) {
  driver.now += std::chrono::seconds(7);
  ui().Receive(FeedLost{"cannot reach 127.0.0.1:7001 (connection refused)", milliseconds(2000)},
               driver.now);
  EXPECT_THAT(driver.Row(0), HasSubstr("LOST, data 7 s old"));
  EXPECT_EQ(driver.Row(4), " cannot reach 127.0.0.1:7001 (connection refused); retrying in 2 s");
  EXPECT_THAT(driver.Row(1), HasSubstr("300"));
  driver.now += std::chrono::seconds(3);
  EXPECT_EQ(driver.Row(4), " cannot reach 127.0.0.1:7001 (connection refused); retrying");
  // Lists are not requested meanwhile.
  driver.Type("e");
  driver.Pass(milliseconds(5000));
  EXPECT_TRUE(driver.SentNothing());
  ui().Receive(StatsAfter(20), driver.now);
  driver.Pass(milliseconds(0));
  driver.Sent<ListEventsRequest>();
  EXPECT_THAT(driver.Screen(), Not(HasSubstr("LOST")));
}

TEST_F(TopUiTest, OldDataShowsItsAge) {
  driver.now += milliseconds(2900);
  EXPECT_THAT(driver.Row(0), HasSubstr("every 1s"));
  driver.now += milliseconds(200);
  EXPECT_THAT(driver.Row(0), HasSubstr("data 3 s old"));
}

TEST_F(TopUiTest, NewsAreForgottenOnceTheyAreOld) {
  ui().Receive(ActionNews{ActionNews::Tone::kRunning, "resize 2 -> 4: steer"}, driver.now);
  driver.Pass(std::chrono::minutes(10));
  EXPECT_EQ(Status(), " resize 2 -> 4: steer");
  ui().Receive(ActionNews{ActionNews::Tone::kDone, "resize 2 -> 4 succeeded"}, driver.now);
  driver.Pass(std::chrono::seconds(14));
  EXPECT_EQ(Status(), " resize 2 -> 4 succeeded");
  driver.Pass(std::chrono::seconds(1));
  EXPECT_EQ(Status(), "");
  ui().Receive(ActionNews{ActionNews::Tone::kFailed, "drain: refused: x"}, driver.now);
  driver.Pass(std::chrono::seconds(59));
  EXPECT_EQ(Status(), " drain: refused: x");
  driver.Pass(std::chrono::seconds(1));
  EXPECT_EQ(Status(), "");
}

TEST_F(TopUiTest, HelpComesAndGoes) {
  driver.Type("e?");
  EXPECT_THAT(driver.Screen(), HasSubstr("drain the gateway: all connections are closed"));
  driver.Type("d");
  EXPECT_EQ(ui().state().view, View::kEvents);
  EXPECT_FALSE(ui().state().prompt.has_value());
  driver.Type("hq");
  EXPECT_TRUE(ui().done());
}

TEST(TopUiEmptyTest, NoKeyNeedsASnapshot) {
  UiDriver driver;
  EXPECT_THAT(driver.Row(0), HasSubstr("connecting"));
  driver.Type("jkGgsr<>du+-RbDx\x1b\nxX\x1b e\x1b h ");
  driver.Press(Key::Code::kPageDown);
  EXPECT_THAT(driver.Screen(), HasSubstr("echogw 127.0.0.1:7001"));
  driver.ui.Receive(FeedLost{"no listener", milliseconds(500)}, driver.now);
  EXPECT_THAT(driver.Row(0), HasSubstr("LOST, no data yet"));
  driver.Type("q");
  EXPECT_TRUE(driver.ui.done());
}

}  // namespace
}  // namespace echogw::ctl::top
