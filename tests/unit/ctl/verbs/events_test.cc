// Goal: `events` shows the history and continues from it without a gap; `limits` and `log-level`
// send and show what was asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/ctl/verbs/verb_fixture.h"

namespace echogw::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kHeader[] =
    "    ID  TIME                      SEVERITY  KIND              ACTOR                     OP  "
    "MESSAGE\n";
constexpr char kSeven[] =
    "     7  2023-11-14T22:13:20.250Z  info      resize            ipv4:127.0.0.1:50000       7  "
    "resize "
    "8 -> 2 succeeded\n";
constexpr char kEight[] =
    "     8  2023-11-14T22:13:20.250Z  warning   stall             gateway                    -  "
    "reactor 3 stalled\n";

class Events : public VerbTest {
 protected:
  Events() { *gateway_.events.add_events() = SampleEvent(7); }

  static admin::v1::Event Stall() {
    admin::v1::Event event = SampleEvent(8);
    event.set_severity(admin::v1::EVENT_SEVERITY_WARNING);
    event.set_kind("stall");
    event.set_actor("gateway");
    event.set_message("reactor 3 stalled");
    event.set_operation(0);
    return event;
  }
};

TEST_F(Events, History) {
  *gateway_.events.add_events() = Stall();
  const CliRun run = Ask({"events"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, std::string(kHeader) + kSeven + kEight);
  EXPECT_EQ(gateway_.requests().list_events.at(0).limit(), 100U);
  EXPECT_EQ(gateway_.requests().list_events.at(0).after_id(), 0U);
  EXPECT_THAT(gateway_.requests().watch_events, IsEmpty());
  const CliRun json = Ask({"events", "--after", "6", "--limit", "2", "-o", "json"});
  EXPECT_THAT(json.out, HasSubstr("\"severity\": \"EVENT_SEVERITY_WARNING\""));
  EXPECT_EQ(gateway_.requests().list_events.at(1).limit(), 2U);
  EXPECT_EQ(gateway_.requests().list_events.at(1).after_id(), 6U);
}

TEST_F(Events, ColumnsStayInLineWhenAnActorIsLong) {
  gateway_.events.mutable_events(0)->set_actor("certificate ops.example at ipv4:127.0.0.1:50000");
  *gateway_.events.add_events() = Stall();
  const std::string out = Ask({"events"}).out;
  const std::size_t second = out.find('\n') + 1;
  const std::size_t third = out.find('\n', second) + 1;
  EXPECT_EQ(out.find("MESSAGE"), out.find("resize 8 -> 2") - second) << out;
  EXPECT_EQ(out.find("MESSAGE"), out.find("reactor 3 stalled") - third) << out;
}

TEST_F(Events, TextOfOthersDoesNotReachTheTerminalRaw) {
  gateway_.events.mutable_events(0)->set_actor("x\x1b[31m");
  gateway_.events.mutable_events(0)->set_message(
      "a\xC2\x9B"
      "31m\nb");
  const std::string out = Ask({"events"}).out;
  EXPECT_NE(out.find("x\\x1b[31m"), std::string::npos) << out;
  EXPECT_NE(out.find("a\\x9b31m\\x0ab\n"), std::string::npos) << out;
}

TEST_F(Events, WatchGoesOnFromTheHistory) {
  gateway_.event_updates.resize(2);
  *gateway_.event_updates[0].add_events() = Stall();
  gateway_.event_updates[1].set_dropped(5);
  const CliRun run = Ask({"events", "--watch"});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.out, std::string(kHeader) + kSeven + kEight);
  EXPECT_EQ(run.err,
            "echogwctl: 5 events were dropped here; they came faster than they were read\n"
            "echogwctl: " +
                gateway_.target() + " ended the stream; the gateway is stopping\n");
  EXPECT_EQ(gateway_.requests().watch_events.at(0).after_id(), 7U);
}

TEST_F(Events, WatchOnlyWhatIsNew) {
  gateway_.event_updates.resize(1);
  *gateway_.event_updates[0].add_events() = Stall();
  const CliRun run = Ask({"events", "--watch", "--limit", "0"});
  EXPECT_EQ(run.out, std::string(kHeader) + kEight);
  EXPECT_EQ(gateway_.requests().list_events.at(0).limit(), 1U);
  EXPECT_EQ(gateway_.requests().watch_events.at(0).after_id(), 7U);
}

TEST_F(Events, WatchWithoutAHistoryBeginsWhereItWasTold) {
  gateway_.events.clear_events();
  Ask({"events", "--watch", "--after", "40"});
  EXPECT_EQ(gateway_.requests().watch_events.at(0).after_id(), 40U);
}

TEST_F(Events, WatchAsDocumentsIsOfOneKind) {
  gateway_.event_updates.resize(1);
  *gateway_.event_updates[0].add_events() = Stall();
  const CliRun run = Ask({"events", "--watch", "-o", "json"});
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 2);
  EXPECT_THAT(run.out, testing::StartsWith("{\"events\": [{\"id\": 7, "));
  EXPECT_THAT(run.out, HasSubstr("\n{\"events\": [{\"id\": 8, "));
  EXPECT_THAT(run.out, testing::EndsWith("}], \"dropped\": 0}\n"));
}

// Silence is no failure while the gateway responds, and is one when it no longer does.
TEST_F(Events, WatchOfAFrozenGatewayEndsWithThree) {
  gateway_.script.watch_stays = true;
  auto watch = std::async(std::launch::async, [&] {
    return Ask({"events", "--watch", "--timeout", "300ms"});
  });
  while (gateway_.requests().health_services.empty()) {
    ASSERT_EQ(watch.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout);
  }
  gateway_.script.hang = true;
  const CliRun run = watch.get();
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("no response from " + gateway_.target() + " within 300ms"));
}

TEST_F(Events, LimitsAreShownAsPeopleReadThem) {
  admin::v1::Limits& now = *gateway_.limits.mutable_limits();
  now.set_max_connections(1'048'576);
  now.set_rate_bytes_per_second(1 << 20);
  now.mutable_idle_timeout()->set_seconds(90);
  now.set_accept_excess(admin::v1::ACCEPT_EXCESS_RESET);
  const CliRun run = Ask({"limits"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out,
            "LIMIT                         IN FORCE\n"
            "max-connections                1048576\n"
            "max-connections-total             none\n"
            "max-connections-per-client        none\n"
            "accept-rate                       none\n"
            "accept-burst                      none\n"
            "rate                        1.00 MiB/s\n"
            "idle-timeout                     1m30s\n"
            "max-age                           none\n"
            "first-byte-timeout                none\n"
            "output-buffer                     none\n"
            "accept-excess                    reset\n");
  EXPECT_THAT(Ask({"limits", "-o", "json"}).out, HasSubstr("\"idle_timeout\": \"90s\""));
}

TEST_F(Events, OnlyLimitsThatAreNamedAreSent) {
  gateway_.limits.mutable_limits()->set_accept_rate(500);
  const CliRun run = Ask({"limits", "set", "--accept-rate", "500", "--max-age", "0", "--rate",
                          "2MiB", "--idle-timeout", "1500ms", "--dry-run"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("LIMIT                       BEFORE  WOULD BE\n"));
  EXPECT_THAT(run.out, HasSubstr("\naccept-rate                   none       500\n"));
  const admin::v1::SetLimitsRequest sent = gateway_.requests().set_limits.at(0);
  EXPECT_TRUE(sent.dry_run());
  EXPECT_EQ(sent.limits().ShortDebugString(),
            "accept_rate: 500 rate_bytes_per_second: 2097152 idle_timeout { seconds: 1 nanos: "
            "500000000 } max_age { }");
  Ask({"limits", "set", "--accept-excess", "wait"});
  EXPECT_EQ(gateway_.requests().set_limits.at(1).ShortDebugString(),
            "limits { accept_excess: ACCEPT_EXCESS_WAIT }");
}

TEST_F(Events, LogLevels) {
  gateway_.log_levels.set_console_level("info");
  const CliRun shown = Ask({"log-level"});
  EXPECT_EQ(shown.code, 0);
  EXPECT_EQ(shown.out, "Console  info\nFile     no log file\n");
  EXPECT_EQ(gateway_.requests().set_log_level.at(0).level(), "");
  gateway_.log_levels.set_file_level("trace");
  EXPECT_EQ(Ask({"log-level", "trace", "--log", "file"}).out, "Console  info\nFile     trace\n");
  EXPECT_EQ(gateway_.requests().set_log_level.at(1).level(), "trace");
  EXPECT_EQ(gateway_.requests().set_log_level.at(1).target(), admin::v1::LOG_TARGET_FILE);
  EXPECT_EQ(Ask({"log-level", "off", "-o", "json"}).out,
            "{\n  \"console_level\": \"info\",\n  \"file_level\": \"trace\"\n}\n");
  EXPECT_EQ(gateway_.requests().set_log_level.at(2).target(), admin::v1::LOG_TARGET_UNSPECIFIED);
  Ask({"log-level", "warn", "--log", "console"});
  EXPECT_EQ(gateway_.requests().set_log_level.at(3).target(), admin::v1::LOG_TARGET_CONSOLE);
}

}  // namespace
}  // namespace echogw::ctl
