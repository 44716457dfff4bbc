// Goal: a bad command line ends with code 2 and one line that says what to write; help and version
// need no gateway. Nothing listens: a verb that ran would end with 3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ctl/cli/cli.h"
#include "tests/unit/ctl/cli_run.h"

namespace echogw::ctl {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct UsageCase {
  std::vector<std::string> arguments;
  std::string error;
};

class UsageTest : public testing::TestWithParam<UsageCase> {};

TEST_P(UsageTest, EndsWithTwoAndOneLine) {
  const CliRun run = RunNowhere(GetParam().arguments);
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, StartsWith("echogwctl: " + GetParam().error));
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
}

TEST(Usage, AFlagInTheEnvironmentIsTrueOrFalse) {
  ASSERT_EQ(::setenv("ECHOGW_TLS", "maybe", 1), 0);
  const CliRun run = RunNowhere({"version", "--client"});
  ::unsetenv("ECHOGW_TLS");
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err,
              StartsWith("echogwctl: --tls: 'maybe' is not a boolean; use true or false; see"));
  EXPECT_THAT(RunNowhere({"--help"}).out, HasSubstr("--tls or ECHOGW_TLS "));
}

INSTANTIATE_TEST_SUITE_P(
    Usage, UsageTest,
    testing::Values(
        UsageCase{{}, "no command given, for example 'echogwctl stats'; see 'echogwctl --help'"},
        UsageCase{{"stat"}, "unknown command 'stat'; did you mean 'stats'? See 'echogwctl --help'"},
        UsageCase{{"-o", "json", "undrian"}, "unknown command 'undrian'; did you mean 'undrain'?"},
        UsageCase{{"zzzzzz"}, "unknown command 'zzzzzz'; see"},
        UsageCase{{"stats", "resize", "3"}, "stats does not take 'resize'; see 'echogwctl stats"},
        UsageCase{{"stats", "--wach"}, "stats does not take '--wach'; did you mean '--watch'?"},
        UsageCase{{"stats", "--watch", "5"}, "--watch: '5' has no unit; write for example 5s"},
        UsageCase{{"stats", "--watch", "1ms"}, "--watch: '1ms' is too short; use at least 10ms"},
        UsageCase{{"stats", "--watch", "2h"}, "--watch: the interval is too long; use at most 1h"},
        UsageCase{{"stats", "-o", "xml"}, "--output: 'xml' is invalid; use table, json, yaml"},
        UsageCase{{"stats", "-o"}, "--output needs a value"},
        UsageCase{{"-o", "json", "stats", "-o", "yaml"},
                  "--output is given more than once; give it once"},
        UsageCase{{"stats", "--target", "foo"},
                  "--target: 'foo' has no port; write for example foo:7001"},
        UsageCase{{"stats", "--target", "::1:7001"},
                  "--target: '::1:7001' is not a target; write an IPv6 address as [::1]:7001"},
        UsageCase{{"stats", "--target", "a:b"}, "--target: 'a:b' is not a target; write HOST:PORT"},
        UsageCase{{"stats", "--timeout", "5"}, "--timeout: '5' has no unit"},
        UsageCase{{"stats", "--timeout", "0s"}, "--timeout: '0s' is out of range"},
        UsageCase{{"stats", "--timeout", "25h"}, "--timeout: '25h' is out of range"},
        UsageCase{{"resize"}, "N is required; see 'echogwctl resize --help'"},
        UsageCase{{"resize", "0"}, "N: '0' is out of range; use 1 to 256"},
        UsageCase{{"resize", "257"}, "N: '257' is out of range; use 1 to 256"},
        UsageCase{{"resize", "2x"}, "N: '2x' is not a whole number"},
        UsageCase{{"resize", "2", "3"}, "resize does not take '3'"},
        UsageCase{{"resize", "2", "--deadline", "0s"}, "--deadline: '0s' is too short"},
        UsageCase{{"move", "--from", "1"}, "--to is required"},
        UsageCase{{"move", "--from", "1", "--to", "1"}, "--from and --to name the same reactor"},
        UsageCase{{"move", "--from", "1", "--to", "256"}, "--to: '256' is out of range"},
        UsageCase{{"rebalance", "--policy", "luck"}, "--policy: 'luck' is invalid; use"},
        UsageCase{{"rebalance", "--auto", "on", "--wait"}, "--wait cannot be combined with --auto"},
        UsageCase{{"rebalance", "--auto", "on", "--dry-run"},
                  "--dry-run cannot be combined with --auto"},
        UsageCase{{"steer"}, "steer: nothing to set; give REACTOR=WEIGHT"},
        UsageCase{{"steer", "1"}, "steer: '1' is not REACTOR=WEIGHT"},
        UsageCase{{"steer", "0=1001"}, "steer: '0=1001' is not REACTOR=WEIGHT"},
        UsageCase{{"steer", "0= 1"}, "steer: '0= 1' is not REACTOR=WEIGHT"},
        UsageCase{{"steer", "0=1", "0=2"}, "steer: reactor 0 is given twice"},
        UsageCase{{"drain", "--let-finish"}, "--let-finish requires --reactor"},
        UsageCase{{"drain", "--reactor", "1", "--spread", "1s"},
                  "--reactor cannot be combined with --spread"},
        UsageCase{{"drain", "--refuse", "rudely"}, "--refuse: 'rudely' is invalid; use accept"},
        UsageCase{{"operation", "0"}, "ID: '0' is too small; use at least 1"},
        UsageCase{{"conns", "--peer", "10.0.0.0/33"}, "--peer: '10.0.0.0/33' is not an address or"},
        UsageCase{{"conns", "--peer", "::1/129"}, "--peer: '::1/129' is not an address"},
        UsageCase{{"conns", "--peer", "localhost"}, "--peer: 'localhost' is not an address"},
        UsageCase{{"conns", "--peer", "10.0.0.0/"}, "--peer: '10.0.0.0/' is not an address"},
        UsageCase{{"conns", "--reactor", "256"}, "--reactor: '256' is out of range; use 0 to 255"},
        UsageCase{{"conns", "--reactor", "1,,2"}, "--reactor: '' is not a whole number"},
        UsageCase{{"conns", "--port", "0"}, "--port: '0' is out of range; use 1 to 65535"},
        UsageCase{{"conns", "--age-min", "5"}, "--age-min: '5' has no unit"},
        UsageCase{{"conns", "--idle-min", "0s"}, "--idle-min: '0s' is too short"},
        UsageCase{{"conns", "--bytes-min", "x"}, "--bytes-min: 'x' is not a size"},
        UsageCase{{"conns", "--state", "shut"}, "--state: 'shut' is invalid; use open, blocked"},
        UsageCase{{"conns", "--sort", "id"}, "--sort: 'id' is invalid; use age, idle, bytes"},
        UsageCase{{"conns", "--limit", "0"}, "--limit: '0' is too small"},
        UsageCase{{"conns", "--all", "--limit", "5"}, "--limit cannot be combined with --all"},
        UsageCase{{"conns", "--id", "5", "--port", "7"}, "--port cannot be combined with --id"},
        UsageCase{{"conns", "--id", "5", "--watch"}, "--id cannot be combined with --watch"},
        UsageCase{{"conns", "--watch", "--sort", "age"}, "--sort cannot be combined with --watch"},
        UsageCase{{"conns", "--watch", "--age-min", "1s"},
                  "--age-min cannot be combined with --watch"},
        UsageCase{{"close"}, "close: no connections selected; give IDs, as in 'close 4711', or"},
        UsageCase{{"close", "--rst", "--yes"}, "close: no connections selected"},
        UsageCase{{"close", "1", "x"}, "ID: 'x' is not a whole number"},
        UsageCase{{"close", "0"}, "ID: '0' is too small"},
        UsageCase{{"close", "1", "--port", "7000"}, "ID cannot be combined with --port"},
        UsageCase{{"close", "1", "--fin", "--rst"}, "--fin cannot be combined with --rst"},
        UsageCase{{"events", "--limit", "1001"}, "--limit: '1001' is out of range; use 0 to 1000"},
        UsageCase{{"events", "--limit", "0"}, "events: --limit 0 shows nothing"},
        UsageCase{{"limits", "set"}, "limits: nothing to set; give a limit, as in --idle-timeout"},
        UsageCase{{"limits", "--rate", "1k"}, "--rate requires set; see 'echogwctl limits"},
        UsageCase{{"limits", "set", "--accept-rate", "1k"},
                  "--accept-rate: '1k' is not a whole number"},
        UsageCase{{"limits", "set", "--idle-timeout", "5"}, "--idle-timeout: '5'"},
        UsageCase{{"limits", "set", "--accept-excess", "drop"},
                  "--accept-excess: 'drop' is invalid; use wait"},
        UsageCase{{"log-level", "loud"}, "LEVEL: 'loud' is invalid; use trace, debug, info"},
        UsageCase{{"log-level", "--log", "file"}, "--log requires LEVEL"},
        UsageCase{{"log-level", "info", "--log", "disk"}, "--log: 'disk' is invalid; use"},
        UsageCase{{"wait"}, "CONDITION is required"},
        UsageCase{{"wait", "lunch"}, "CONDITION: 'lunch' is not a condition; use serving, drained"},
        UsageCase{{"wait", "serving", "--deadline", "0s"}, "--deadline: '0s' is too short"},
        UsageCase{{"completion"}, "SHELL is required"},
        UsageCase{{"completion", "tcsh"}, "SHELL: 'tcsh' is invalid; use bash, zsh, fish"},
        UsageCase{{"man", "statz"}, "man: unknown command 'statz'; did you mean 'stats'?"},
        UsageCase{{"man", "zzzzzzz"}, "man: unknown command 'zzzzzzz'; 'echogwctl --help'"},
        UsageCase{{"man", "stats", "--dir", "/tmp"}, "COMMAND cannot be combined with --dir"}));

TEST(Usage, EveryVerbHasHelpWithExamples) {
  for (const auto& command : MakeCommands()) {
    const std::string name(command->Help().name);
    const CliRun run = RunNowhere({name, "--help"});
    EXPECT_EQ(run.code, 0) << name;
    EXPECT_EQ(run.err, "") << name;
    EXPECT_THAT(run.out, HasSubstr("Examples:\n  echogwctl " + name)) << name;
    EXPECT_THAT(run.out, HasSubstr("\nExit codes:\n  0  ")) << name;
    EXPECT_THAT(run.out, HasSubstr("\n  2  invalid usage")) << name;
    EXPECT_EQ(RunNowhere({name, "-h"}).out, run.out) << name;
  }
}

TEST(Usage, HelpListsEveryVerbAndTheExitCodes) {
  const CliRun run = RunNowhere({"-h"});
  EXPECT_EQ(run.code, 0);
  for (const auto& command : MakeCommands()) {
    EXPECT_THAT(run.out, HasSubstr("\n  " + std::string(command->Help().name) + " "));
  }
  EXPECT_THAT(run.out, HasSubstr("Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 unreachable"));
}

TEST(Usage, ATokenIsSentInPlainTextToLoopbackAddressesOnly) {
  // c-ares leaks some bytes of a look-up that the end of a call cuts short.
  ASSERT_EQ(::setenv("GRPC_DNS_RESOLVER", "native", 1), 0);
  ASSERT_EQ(::setenv("ECHOGW_TOKEN", "operator", 1), 0);
  for (const char* target :
       {"127.0.0.1.example:7001", "127.example:7001", "127.1:7001", "192.0.2.1:7001"}) {
    const CliRun run = RunAt(target, {"stats"});
    EXPECT_EQ(run.code, 2) << target;
    EXPECT_THAT(run.err, HasSubstr("the token would be sent to")) << target;
  }
  for (const char* target : {"127.9.8.7:1", "[::1]:1", "localhost:1", "unix:/nonexistent"}) {
    EXPECT_EQ(RunAt(target, {"stats"}).code, 3) << target;
  }
  ::unsetenv("ECHOGW_TOKEN");
}

TEST(Usage, CommandsWithoutAGatewayIgnoreItsAccess) {
  ASSERT_EQ(::setenv("ECHOGW_TOKEN", "operator", 1), 0);
  ASSERT_EQ(::setenv("ECHOGW_CA_CERT", "/nonexistent", 1), 0);
  for (const std::vector<std::string>& call : std::vector<std::vector<std::string>>{
           {"completion", "bash"}, {"man"}, {"version", "--client"}}) {
    const CliRun run = RunAt("gw.example:7001", call);
    EXPECT_EQ(run.code, 0) << call[0] << ": " << run.err;
  }
  EXPECT_NE(RunAt("gw.example:7001", {"bench", "127.0.0.1:1", "-d", "50ms"}).code, 2);
  EXPECT_EQ(RunAt("gw.example:7001", {"version"}).code, 2);
  ::unsetenv("ECHOGW_TOKEN");
  ::unsetenv("ECHOGW_CA_CERT");
}

TEST(Usage, VersionsNeedNoGateway) {
  EXPECT_THAT(RunNowhere({"--version"}).out, StartsWith("echogwctl 0."));
  const CliRun run = RunNowhere({"version", "--client", "-o", "json"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, HasSubstr("\"gateway\": null"));
}

}  // namespace
}  // namespace echogw::ctl
