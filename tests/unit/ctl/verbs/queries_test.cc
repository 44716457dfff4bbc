// Goal: the verbs that only ask show what the gateway said, in all three formats.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "ctl/cli/cli.h"
#include "tests/unit/ctl/verbs/verb_fixture.h"

namespace echogw::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Queries : public VerbTest {
 protected:
  Queries() {
    gateway_.info = SampleInfo();
    gateway_.stats = SampleStats();
    *gateway_.reactors.mutable_reactors() = gateway_.stats.reactors();
  }
};

TEST_F(Queries, StatsTable) {
  const CliRun run = Ask({"stats"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(
      run.out,
      "Gateway         " + gateway_.target() +
          "\n"
          "State           serving\n"
          "Uptime          2h02m\n"
          "Connections     300 active, 37.0k accepted\n"
          "Closed          36.7k (peer closed 36.7k, peer reset 35)\n"
          "Rejected        7 (table full 7)\n"
          "Accept errors   3 (out of descriptors 3)\n"
          "Received        1.00 EiB\n"
          "Sent            353 MiB\n"
          "CPU             3.66 s, 0.1% of one core since the start\n"
          "Memory          23.5 MiB resident\n"
          "Stalls          6, longest loop 2.47 ms\n"
          "Log lines lost  0\n"
          "\n"
          "REACTOR  CPU  STATE    ACTIVE  ACCEPTED        IN      OUT  READS  EVENTS/WAKE   BUSY\n"
          "      0    0  serving     100     12.3k   118 MiB  118 MiB  1.93M         4.00  25.0%\n"
          "      1    1  serving     200     24.7k   235 MiB  235 MiB  3.86M         4.00  25.0%\n"
          "      2    -  parked        0         0       0 B      0 B      0            -      -\n"
          "    all                   300     37.0k  1.00 EiB  353 MiB  5.79M         4.00  "
          "25.0%\n");
}

TEST_F(Queries, StatsJsonHasRawNumbers) {
  const CliRun run = Ask({"stats", "-o", "json"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, StartsWith("{\n  \"time\": \"2023-11-14T22:13:20Z\",\n"));
  EXPECT_THAT(run.out, HasSubstr("\n  \"uptime\": \"7325s\",\n"));
  EXPECT_THAT(run.out, HasSubstr("\n    \"received_bytes\": 1152921504606846977,\n"));
  EXPECT_THAT(run.out, HasSubstr("\n      \"cpu\": -1,\n"));
}

TEST_F(Queries, StatsYamlIsTheSameTree) {
  const CliRun run = Ask({"stats", "-o", "yaml"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, StartsWith("time: \"2023-11-14T22:13:20Z\"\nuptime: \"7325s\"\n"));
  EXPECT_THAT(run.out, HasSubstr("\n  received_bytes: 1152921504606846977\n"));
  EXPECT_THAT(run.out, HasSubstr("\nreactors:\n  - id: 0\n    cpu: 0\n"));
}

TEST_F(Queries, StatsWatchShowsRates) {
  gateway_.script.watch_updates = 2;
  const CliRun run = Ask({"stats", "--watch", "10ms"});
  // The stream ended by itself: the gateway went away.
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("ended the stream; the gateway is stopping"));
  ASSERT_EQ(gateway_.requests().watch_stats.size(), 1U);
  EXPECT_EQ(gateway_.requests().watch_stats[0].interval().nanos(), 10'000'000);
  const std::size_t second = run.out.find("\n\nGateway");
  ASSERT_NE(second, std::string::npos);
  EXPECT_THAT(run.out.substr(0, second), HasSubstr("Rates           averages since the start\n"));
  const std::string frame = run.out.substr(second);
  EXPECT_THAT(frame, HasSubstr("\nRates           over the last 1.00 s\n"));
  EXPECT_THAT(frame, HasSubstr("\nCPU             25.0% of one core\n"));
  EXPECT_THAT(frame, HasSubstr("\nREACTOR  CPU  STATE    ACTIVE  ACCEPTS/s          IN         OUT"
                               "  READS/s  EVENTS/WAKE   BUSY\n"));
  EXPECT_THAT(frame, HasSubstr("\n      0    0  serving     100         10  62.5 KiB/s  62.5 KiB/s"
                               "    1.00k         2.00  25.0%\n"));
  EXPECT_THAT(run.out, Not(HasSubstr("\x1b")));
}

TEST_F(Queries, StatsWatchWithoutAValueIsOnceASecond) {
  gateway_.script.watch_updates = 1;
  Ask({"stats", "--watch"});
  ASSERT_EQ(gateway_.requests().watch_stats.size(), 1U);
  EXPECT_EQ(gateway_.requests().watch_stats[0].interval().seconds(), 1);
}

TEST_F(Queries, StatsWatchWritesOneJsonDocumentALine) {
  gateway_.script.watch_updates = 3;
  const CliRun run = Ask({"stats", "--watch", "10ms", "-o", "json"});
  std::istringstream lines(run.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_THAT(line, StartsWith("{\"time\": \"2023-11-14T22:13:20Z\", \"uptime\": \"73"));
    EXPECT_EQ(line.back(), '}');
  }
  EXPECT_EQ(count, 3);
}

TEST_F(Queries, StatsWatchSeparatesYamlDocuments) {
  gateway_.script.watch_updates = 2;
  const CliRun run = Ask({"stats", "--watch", "10ms", "-o", "yaml"});
  EXPECT_THAT(run.out, StartsWith("---\ntime: "));
  EXPECT_THAT(run.out, HasSubstr("\n---\ntime: "));
}

TEST_F(Queries, ADumbTerminalGetsNoCursorMovement) {
  gateway_.script.watch_updates = 2;
  const CliRun run = RunWith({"--target", gateway_.target(), "stats", "--watch", "10ms"},
                             {.out = true, .err = true, .dumb = true}, nullptr);
  EXPECT_THAT(run.out, HasSubstr("Gateway"));
  EXPECT_THAT(run.out, Not(HasSubstr("\x1b")));
}

TEST_F(Queries, StatsWatchRedrawsOnATerminal) {
  gateway_.script.watch_updates = 2;
  const CliRun run = RunWith({"--target", gateway_.target(), "stats", "--watch", "10ms"},
                             {.out = true, .colour = true}, nullptr);
  // Cleared once, then drawn over; lines are cut while it runs and wrap again afterwards.
  EXPECT_THAT(run.out, StartsWith("\x1b[2J\x1b[H\x1b[?7lGateway"));
  EXPECT_EQ(run.out.find("\x1b[2J", 1), std::string::npos);
  EXPECT_THAT(run.out, HasSubstr("\x1b[J\x1b[H\x1b[?7lGateway"));
  EXPECT_THAT(run.out, HasSubstr("\x1b[4mREACTOR"));
  EXPECT_THAT(run.out, testing::EndsWith("\x1b[?7h\n"));
}

TEST_F(Queries, InterruptedWatchEndsWithZero) {
  Interrupt interrupt;
  InterruptingBuffer buffer(interrupt);
  std::ostream out(&buffer);
  std::ostringstream err;
  const ExitCode code = RunCli({"--target", gateway_.target(), "stats", "--watch", "1h"},
                               MakeCommands(), {.out = out, .err = err, .interrupt = interrupt});
  EXPECT_EQ(code, ExitCode::kOk);
  EXPECT_EQ(err.str(), "");
  EXPECT_THAT(buffer.str(), StartsWith("Gateway "));
}

TEST_F(Queries, WatchEndsWhenNobodyReads) {
  Interrupt interrupt;
  std::ofstream out("/dev/full");
  std::ostringstream err;
  const ExitCode code = RunCli({"--target", gateway_.target(), "stats", "--watch", "1h"},
                               MakeCommands(), {.out = out, .err = err, .interrupt = interrupt});
  EXPECT_EQ(code, ExitCode::kOk);
  EXPECT_FALSE(out);
}

TEST_F(Queries, ReactorsTable) {
  const CliRun run = Ask({"reactors"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out,
            "REACTOR  CPU  STATE    WEIGHT  ACTIVE  MOVED IN  MOVED OUT  ADOPTED   QUEUE  DROPS  "
            "STALLS  LONGEST\n"
            "      0    0  serving       1     100         3          4        5  3/4096      0  "
            "     2  1.23 ms\n"
            "      1    1  serving       1     200         6          8       10  3/4096     11  "
            "     4  2.47 ms\n"
            "      2    -  parked        1       0         0          0        0       -      -  "
            "     0      0 s\n");
}

TEST_F(Queries, ReactorsJsonNamesTheListeners) {
  const CliRun run = Ask({"-o", "json", "reactors"});
  EXPECT_THAT(run.out, StartsWith("{\n  \"reactors\": [\n"));
  EXPECT_THAT(run.out, HasSubstr("\"address\": \"127.0.0.1:7000\""));
}

TEST_F(Queries, Info) {
  const CliRun run = Ask({"info"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out,
            "Version     0.1.0\n"
            "Revision    abc1234\n"
            "Built by    GNU 12.2.0, Release\n"
            "Started     2023-11-14T22:13:20Z\n"
            "Process     4711\n"
            "Listens on  127.0.0.1:7000, [::1]:7000\n"
            "Admin       127.0.0.1:7001\n"
            "Metrics     off\n"
            "Poller      epoll\n"
            "Transform   none\n"
            "Steering    active\n"
            "\n"
            "KEY       VALUE\n"
            "listen    127.0.0.1:7000,[::1]:7000\n"
            "reactors  2\n");
  EXPECT_THAT(Ask({"info", "-o", "json"}).out,
              HasSubstr("\"config\": {\n    \"listen\": \"127.0.0.1:7000,[::1]:7000\",\n"));
}

TEST_F(Queries, HealthHasItsExitCode) {
  CliRun run = Ask({"health"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "serving\n");
  gateway_.health = grpc::health::v1::HealthCheckResponse::NOT_SERVING;
  run = Ask({"health", "--service", "echogw.admin.v1.Admin"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.out, "not serving\n");
  EXPECT_EQ(run.err, "");
  EXPECT_THAT(gateway_.requests().health_services, ElementsAre("", "echogw.admin.v1.Admin"));
  EXPECT_EQ(Ask({"health", "-o", "json"}).out,
            "{\n  \"service\": \"\",\n  \"status\": \"NOT_SERVING\"\n}\n");
}

TEST_F(Queries, HealthOfAnUnknownServiceIsARefusal) {
  gateway_.script.status = {grpc::StatusCode::NOT_FOUND, ""};
  const CliRun run = Ask({"health", "--service", "nope"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, StartsWith("echogwctl: the gateway has no service 'nope'; omit"));
}

TEST_F(Queries, VersionNamesBothSides) {
  const CliRun run = Ask({"version"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, StartsWith("echogwctl  0."));
  EXPECT_THAT(run.out, HasSubstr("\nechogw     0.1.0 (abc1234, GNU 12.2.0, Release) at " +
                                 gateway_.target() + "\n"));
  EXPECT_THAT(Ask({"version", "-o", "yaml"}).out, HasSubstr("gateway:\n  version: \"0.1.0\"\n"));
}

TEST_F(Queries, TheTargetMayComeFromTheEnvironment) {
  ASSERT_EQ(setenv("ECHOGW_TARGET", gateway_.target().c_str(), 1), 0);
  EXPECT_EQ(RunNowhere({"health"}).code, 0);
  EXPECT_EQ(RunNowhere({"health", "--target", "unix:/nonexistent"}).code, 3);
  ASSERT_EQ(setenv("ECHOGW_TARGET", "nonsense", 1), 0);
  EXPECT_EQ(RunNowhere({"health"}).code, 2);
  ASSERT_EQ(unsetenv("ECHOGW_TARGET"), 0);
}

TEST(UnixTarget, Works) {
  std::string directory = testing::TempDir() + "/ctl-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  FakeGateway gateway("unix:" + directory + "/admin.sock");
  gateway.stats = SampleStats();
  const CliRun run = RunAt(gateway.target(), {"stats"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("Gateway         unix:"));
}

}  // namespace
}  // namespace echogw::ctl
