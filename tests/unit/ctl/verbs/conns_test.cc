// Goal: `conns` asks for what was chosen, follows pages as far as it must and no further, and shows
// opens and closes as they come, with what was lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/ctl/verbs/verb_fixture.h"

namespace echogw::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class Conns : public VerbTest {
 protected:
  void Open(std::uint64_t count) {
    for (std::uint64_t id = 1; id <= count; ++id) {
      gateway_.connections.push_back(SampleConnection(id));
    }
  }

  // An open of connection 9 and a close of connection 3.
  static admin::v1::WatchConnectionsResponse SampleUpdate() {
    admin::v1::WatchConnectionsResponse update;
    admin::v1::ConnectionEvent& opened = *update.add_events();
    opened.mutable_time()->set_seconds(1'700'000'000);
    opened.set_kind(admin::v1::CONNECTION_EVENT_KIND_OPENED);
    *opened.mutable_connection() = SampleConnection(9);
    admin::v1::ConnectionEvent& closed = *update.add_events();
    closed.mutable_time()->set_seconds(1'700'000'001);
    closed.mutable_time()->set_nanos(5'000'000);
    closed.set_kind(admin::v1::CONNECTION_EVENT_KIND_CLOSED);
    *closed.mutable_connection() = SampleConnection(3);
    closed.mutable_connection()->mutable_age()->set_seconds(0);
    closed.mutable_connection()->mutable_age()->set_nanos(1'500);
    closed.set_close_reason("peer_closed");
    return update;
  }
};

TEST_F(Conns, Table) {
  Open(2);
  gateway_.connections[1].set_pending_bytes(4096);
  gateway_.connections[1].set_state(admin::v1::CONNECTION_STATE_BLOCKED);
  const CliRun run = Ask({"conns"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(run.out,
            "ID  REACTOR  STATE    PEER             LOCAL             AGE     IDLE        IN       "
            "OUT   PENDING\n"
            " 1        1  open     192.0.2.7:40001  192.0.2.1:7000  1m00s  10.0 ms    1000 B    "
            "1000 B       0 B\n"
            " 2        0  blocked  192.0.2.7:40002  192.0.2.1:7000  2m00s  20.0 ms  1.95 KiB  1.95 "
            "KiB  4.00 KiB\n");
  const auto requests = gateway_.requests().list_connections;
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].page_size(), 50U);
  EXPECT_EQ(requests[0].sort(), admin::v1::CONNECTION_SORT_UNSPECIFIED);
  EXPECT_EQ(requests[0].filter().ByteSizeLong(), 0U);
}

TEST_F(Conns, EveryConditionIsSent) {
  EXPECT_EQ(Ask({"conns",         "--reactor",   "0,2",  "--reactor", "5",       "--peer",
                 "2001:db8::/32", "--port",      "7000", "--age-min", "1m30s",   "--idle-min",
                 "250ms",         "--bytes-min", "4KiB", "--state",   "closing", "--sort",
                 "pending",       "--limit",     "7"})
                .code,
            0);
  const auto request = gateway_.requests().list_connections.at(0);
  const auto& filter = request.filter();
  EXPECT_THAT(filter.reactors(), ElementsAre(0U, 2U, 5U));
  EXPECT_EQ(filter.peer_cidr(), "2001:db8::/32");
  EXPECT_EQ(filter.local_port(), 7000U);
  EXPECT_EQ(filter.age_at_least().seconds(), 90);
  EXPECT_EQ(filter.idle_at_least().nanos(), 250'000'000);
  EXPECT_EQ(filter.bytes_at_least(), 4096U);
  EXPECT_EQ(filter.state(), admin::v1::CONNECTION_STATE_CLOSING);
  EXPECT_EQ(request.sort(), admin::v1::CONNECTION_SORT_PENDING);
  EXPECT_EQ(request.page_size(), 7U);
}

TEST_F(Conns, TheLimitCutsAndSaysSo) {
  Open(60);
  const CliRun run = Ask({"conns"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 51);
  EXPECT_EQ(run.err, "echogwctl: showing the first 50; use --limit N or --all for more\n");
  const CliRun sorted = Ask({"conns", "--sort", "bytes", "--limit", "3", "-o", "json"});
  EXPECT_EQ(sorted.err, "echogwctl: showing 3 of 60; use --limit N or --all for more\n");
  EXPECT_THAT(sorted.out, HasSubstr("\"total\": 60"));
}

TEST_F(Conns, PagesAreFollowedToTheLimitAndNoFurther) {
  Open(2500);
  const CliRun run = Ask({"conns", "--limit", "2200", "-o", "json"});
  EXPECT_EQ(run.code, 0);
  std::vector<std::pair<std::string, std::uint32_t>> pages;
  for (const auto& request : gateway_.requests().list_connections) {
    pages.emplace_back(request.page_token(), request.page_size());
  }
  EXPECT_THAT(pages,
              ElementsAre(std::pair("", 1000U), std::pair("1000", 1000U), std::pair("2000", 200U)));
  EXPECT_THAT(run.out, HasSubstr("\"id\": 2200,"));
  EXPECT_THAT(run.out, testing::Not(HasSubstr("\"id\": 2201,")));
  EXPECT_THAT(run.out, HasSubstr("\"next_page_token\": \"2200\""));
}

TEST_F(Conns, AllMeansAll) {
  Open(2500);
  const CliRun run = Ask({"conns", "--all"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 2501);
  EXPECT_THAT(gateway_.requests().list_connections, SizeIs(3));
}

// The gateway sorts one page; past that echogwctl does.
TEST_F(Conns, AllInOrder) {
  Open(1500);
  const CliRun run = Ask({"conns", "--all", "--sort", "age", "-o", "json"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, StartsWith("{\n  \"connections\": [\n    {\n      \"id\": 1500,"));
  EXPECT_LT(run.out.find("\"id\": 2,"), run.out.find("\"id\": 1,"));
  EXPECT_THAT(run.out, HasSubstr("\"total\": 1500"));
  for (const auto& request : gateway_.requests().list_connections) {
    EXPECT_EQ(request.sort(), admin::v1::CONNECTION_SORT_UNSPECIFIED);
  }
}

TEST_F(Conns, AGatewayThatRepeatsAPageIsNotFollowedForEver) {
  Open(2500);
  gateway_.script.stuck_page = true;
  const CliRun run = Ask({"conns", "--all"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("keeps sending the same page"));
}

TEST_F(Conns, OneWithTcpInfo) {
  *gateway_.connection.mutable_connection() = SampleConnection(3);
  admin::v1::TcpInfo& tcp = *gateway_.connection.mutable_tcp();
  tcp.set_state("ESTABLISHED");
  tcp.set_round_trip_microseconds(1250);
  tcp.set_round_trip_variance_microseconds(80);
  tcp.set_round_trip_least_microseconds(900);
  tcp.set_retransmits(4);
  tcp.set_congestion_window(10);
  tcp.set_slow_start_threshold(0x7fffffff);
  tcp.set_segment_bytes(1448);
  tcp.set_unacknowledged_segments(2);
  tcp.set_unsent_bytes(4096);
  tcp.set_output_queue_bytes(8192);
  tcp.set_delivery_rate_bytes_per_second(1'048'576);
  const CliRun run = Ask({"conns", "--id", "3"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(gateway_.requests().get_connection.at(0).id(), 3U);
  EXPECT_EQ(run.out,
            "Connection       3\n"
            "Reactor          1\n"
            "State            open\n"
            "Peer             192.0.2.7:40003\n"
            "Local            192.0.2.1:7000\n"
            "Age              3m00s\n"
            "Idle             30.0 ms\n"
            "Received         2.93 KiB\n"
            "Sent             2.93 KiB\n"
            "Pending          0 B\n"
            "TCP state        ESTABLISHED\n"
            "Round trip       1.25 ms +/- 80.0 µs, minimum 900 µs\n"
            "Retransmits      4 segments, 0 presumed lost\n"
            "Window           10 segments of 1.41 KiB, slow start up to none\n"
            "In flight        2 segments\n"
            "Not sent         4.00 KiB\n"
            "Kernel queues    8.00 KiB out, 0 B in\n"
            "Delivery rate    1.00 MiB/s\n"
            "Acknowledged     0 B\n"
            "Kernel received  0 B\n");
  EXPECT_THAT(Ask({"conns", "--id", "3", "-o", "yaml"}).out,
              HasSubstr("tcp:\n  state: \"ESTABLISHED\"\n  round_trip_microseconds: 1250\n"));
}

TEST_F(Conns, WatchShowsOpensClosesAndLosses) {
  gateway_.connection_updates = {SampleUpdate(), {}};
  gateway_.connection_updates[1].set_dropped(12);
  const CliRun run =
      Ask({"conns", "--watch", "--reactor", "1", "--peer", "192.0.2.0/24", "--port", "7000"});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.out,
            "TIME                      EVENT                 ID  REACTOR  PEER                   "
            "LOCAL     "
            "                  AGE        IN       OUT  REASON\n"
            "2023-11-14T22:13:20.000Z  opened                 9        1  192.0.2.7:40009        "
            "192.0.2.1:7000\n"
            "2023-11-14T22:13:21.005Z  closed                 3        1  192.0.2.7:40003        "
            "192.0.2.1:7000          1.50 µs  2.93 KiB  2.93 KiB  peer closed\n");
  EXPECT_EQ(
      run.err,
      "echogwctl: 12 opens and closes were dropped here; they came faster than they were read\n"
      "echogwctl: " +
          gateway_.target() + " ended the stream; the gateway is stopping\n");
  const auto filter = gateway_.requests().watch_connections.at(0).filter();
  EXPECT_THAT(filter.reactors(), ElementsAre(1U));
  EXPECT_EQ(filter.peer_cidr(), "192.0.2.0/24");
  EXPECT_EQ(filter.local_port(), 7000U);
}

TEST_F(Conns, WatchAsDocumentsIsALineEach) {
  gateway_.connection_updates = {SampleUpdate(), {}};
  gateway_.connection_updates[1].set_dropped(12);
  const CliRun run = Ask({"conns", "--watch", "-o", "json"});
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 2);
  EXPECT_THAT(run.out, StartsWith("{\"events\": [{\"time\": \"2023-11-14T22:13:20Z\", "
                                  "\"kind\": \"CONNECTION_EVENT_KIND_OPENED\""));
  EXPECT_THAT(run.out, HasSubstr("\n{\"events\": [], \"dropped\": 12}\n"));
}

TEST_F(Conns, AnInterruptEndsTheWatchWithZero) {
  gateway_.connection_updates = {SampleUpdate()};
  gateway_.script.watch_stays = true;
  Interrupt interrupt;
  {
    // As if Ctrl-C had come just before.
    const auto guard = interrupt.Arm({});
    ASSERT_TRUE(interrupt.Trigger());
  }
  const CliRun run =
      RunWith({"--target", gateway_.target(), "conns", "--watch"}, {.err = true}, &interrupt);
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "echogwctl: 0 connections are open; Ctrl-C ends the watch\n");
}

}  // namespace
}  // namespace echogw::ctl
