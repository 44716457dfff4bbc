// Goal: every screen is laid out as it should, at the least size and larger, with and without
// UTF-8. Method: whole screens as text against what was looked at and found good; styles cell by
// cell.
#include "ctl/top/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/top/top_fixture.h"
#include "tests/unit/ctl/top/top_screens.h"

namespace echogw::ctl::top {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

UiDriver WithRates() {
  UiDriver driver;
  driver.Feed();
  return driver;
}

// Sorted by connections, with an operation under way.
UiDriver Resizing() {
  UiDriver driver = WithRates();
  driver.Type("j>>>>");
  driver.ui.Receive(
      ActionNews{ActionNews::Tone::kRunning, "resize 2 -> 4: move-connections, 12 left, 1.20 s"},
      driver.now);
  return driver;
}

admin::v1::ListConnectionsResponse ManyConnections() {
  admin::v1::ListConnectionsResponse response = SampleConnections(40);
  response.set_total(19'000);
  return response;
}

UiDriver WithConnections() {
  UiDriver driver = WithRates();
  driver.Type("j\n");
  driver.Pass(milliseconds(0));
  const auto request = driver.Sent<admin::v1::ListConnectionsRequest>();
  driver.ui.Receive(ConnectionsPage{request, "", ManyConnections()}, driver.now);
  return driver;
}

// The grid as it is drawn, for its styles.
CellGrid Drawn(UiDriver& driver) {
  CellGrid grid(80, 24);
  driver.ui.Draw(grid, driver.now);
  return grid;
}

TEST(DrawTest, Reactors) { EXPECT_EQ(WithRates().Screen(), kReactors80); }

TEST(DrawTest, ReactorsOnALargeTerminal) { EXPECT_EQ(Resizing().Screen(120, 30), kReactors120); }

TEST(DrawTest, ReactorsInAscii) { EXPECT_EQ(Resizing().Screen(80, 24, false), kReactorsAscii); }

TEST(DrawTest, Help) {
  UiDriver driver = Resizing();
  driver.Type("?");
  EXPECT_EQ(driver.Screen(), kHelp);
}

TEST(DrawTest, Plain) {
  TopState state = Resizing().ui.state();
  EXPECT_EQ(DrawPlain(state, 80).Text(true), kPlain);
}

TEST(DrawTest, Connections) { EXPECT_EQ(WithConnections().Screen(), kConnections); }

TEST(DrawTest, Detail) {
  UiDriver driver = WithConnections();
  driver.Type("\n");
  DetailPage detail;
  detail.id = 1000;
  *detail.response.mutable_connection() = SampleConnections(1).connections(0);
  admin::v1::TcpInfo& tcp = *detail.response.mutable_tcp();
  tcp.set_state("ESTABLISHED");
  tcp.set_round_trip_microseconds(1234);
  tcp.set_round_trip_least_microseconds(87);
  tcp.set_round_trip_variance_microseconds(45);
  tcp.set_retransmits(3);
  tcp.set_congestion_window(10);
  tcp.set_segment_bytes(1448);
  tcp.set_unacknowledged_segments(2);
  tcp.set_lost_segments(1);
  tcp.set_unsent_bytes(4096);
  tcp.set_output_queue_bytes(8192);
  tcp.set_input_queue_bytes(64);
  tcp.set_delivery_rate_bytes_per_second(125'000);
  driver.ui.Receive(detail, driver.now);
  EXPECT_EQ(driver.Screen(), kDetail);
}

TEST(DrawTest, Events) {
  UiDriver driver = WithRates();
  driver.Type("e");
  driver.Pass(milliseconds(0));
  admin::v1::ListEventsResponse response;
  *response.add_events() =
      SampleEvent(1, admin::v1::EVENT_SEVERITY_INFO, "state", "the gateway serves");
  *response.add_events() =
      SampleEvent(2, admin::v1::EVENT_SEVERITY_ERROR, "resize",
                  "resize 8 -> 2 failed: reactor 3 did not end within 30 s; see its stack in the "
                  "log, and try again once it answers");
  *response.add_events() = SampleEvent(3, admin::v1::EVENT_SEVERITY_WARNING, "stall",
                                       "reactor 1 stood still for 1.20 s");
  driver.ui.Receive(EventsPage{"", response}, driver.now);
  driver.Type("j");
  EXPECT_EQ(driver.Screen(), kEvents);
}

TEST(DrawTest, ManyReactorsScroll) {
  UiDriver driver;
  admin::v1::GetStatsResponse stats = StatsAfter(0);
  for (std::uint32_t id = 3; id < 64; ++id) {
    const admin::v1::Reactor first = stats.reactors(0);
    *stats.add_reactors() = first;
    stats.mutable_reactors(static_cast<int>(id))->set_id(id);
  }
  driver.ui.Receive(stats, driver.now);
  driver.Press(Key::Code::kPageDown);
  // A page is what was seen last: one row until the first drawing.
  EXPECT_EQ(driver.ui.state().reactors.selected, 1U);
  driver.Screen();
  driver.Press(Key::Code::kPageDown);
  driver.Press(Key::Code::kPageDown);
  driver.ui.Receive(
      FeedLost{"cannot reach 127.0.0.1:7001 (connection refused)", std::chrono::seconds(2)},
      driver.now);
  EXPECT_EQ(driver.Screen(), kMany);
  // More room shows more, and never an empty row while there are others.
  EXPECT_THAT(driver.Screen(80, 60), HasSubstr("13-64 of 64"));
  driver.Press(Key::Code::kHome);
  EXPECT_THAT(driver.Screen(), HasSubstr("1-16 of 64"));
}

TEST(DrawTest, EverySizeIsDrawn) {
  UiDriver reactors = Resizing();
  UiDriver connections = WithConnections();
  for (const auto& [width, height] : {std::pair(1, 1),
                                      {79, 24},
                                      {80, 23},
                                      {80, 24},
                                      {81, 25},
                                      {200, 24},
                                      {80, 200},
                                      {512, 100}}) {
    const bool small = width < kLeastWidth || height < kLeastHeight;
    for (UiDriver* driver : {&reactors, &connections}) {
      const std::string screen = driver->Screen(width, height);
      if (width > 20 && small) {
        EXPECT_THAT(screen, HasSubstr("top needs 80x24\nthis is "));
      }
      if (!small) {
        EXPECT_THAT(screen, HasSubstr("h help  q quit\n"));
      }
    }
  }
}

TEST(DrawTest, ALongTargetLeavesRoomForTheState) {
  UiDriver driver("unix:/run/some/deep/folder/of/a/service/manager/with/a/long/name/admin.sock");
  driver.Feed();
  EXPECT_EQ(driver.Row(0),
            " echogw unix:/run/some/deep/fold…  serving  0.1.0  up 2h02m  22:13:21Z every 1s");
}

TEST(DrawTest, StylesTellWhatMatters) {
  UiDriver driver = WithRates();
  admin::v1::GetStatsResponse stats = StatsAfter(2);
  stats.mutable_reactors(0)->mutable_listeners(0)->set_accept_queue(4096);
  stats.mutable_reactors(1)->mutable_listeners(0)->set_accept_queue(2048);
  admin::v1::Counters& busy = *stats.mutable_reactors(1)->mutable_counters();
  busy.set_loop_busy_nanoseconds(busy.loop_busy_nanoseconds() + 6'000'000'000);
  stats.set_state(admin::v1::GATEWAY_STATE_CLOSING);
  driver.ui.Receive(stats, driver.now);
  driver.Press(Key::Code::kEnd);
  const CellGrid grid = Drawn(driver);
  EXPECT_EQ(grid.at(0, 0).style, Style::kTitle);
  // The state of the gateway.
  EXPECT_EQ(grid.at(24, 0), (Cell{U'c', Style::kBad}));
  EXPECT_EQ(grid.at(1, 4).style, Style::kPlain);
  EXPECT_EQ(grid.at(18, 4), (Cell{U'd', Style::kWarn}));
  // Bars and queues of reactors 0 and 1.
  EXPECT_EQ(grid.at(17, 6).style, Style::kGood);
  EXPECT_EQ(grid.at(17, 7).style, Style::kBad);
  EXPECT_EQ(grid.at(74, 6), (Cell{U'6', Style::kBad}));
  EXPECT_EQ(grid.at(74, 7), (Cell{U'6', Style::kWarn}));
  // The parked one is selected, over the whole width.
  EXPECT_EQ(grid.at(0, 8).style, Style::kSelected);
  EXPECT_EQ(grid.at(79, 8).style, Style::kSelected);
  EXPECT_EQ(grid.at(1, 23), (Cell{U'E', Style::kBold}));
}

}  // namespace
}  // namespace echogw::ctl::top
