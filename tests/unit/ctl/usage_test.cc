// Goal: a bad command line ends with code 2 and one line that says what to write; help and version
// need no gateway. Nothing listens: a verb that ran would end with 3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ctl/commands.h"
#include "tests/unit/ctl/cli_run.h"

namespace echogw {
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

INSTANTIATE_TEST_SUITE_P(
    Usage, UsageTest,
    testing::Values(
        UsageCase{{}, "no command given, for example 'echogwctl stats'; see 'echogwctl --help'"},
        UsageCase{{"stat"}, "unknown command 'stat'; did you mean 'stats'?"},
        UsageCase{{"-o", "json", "undrian"}, "unknown command 'undrian'; did you mean 'undrain'?"},
        UsageCase{{"zzzzzz"}, "unknown command 'zzzzzz'; see"},
        UsageCase{{"stats", "resize", "3"}, "stats does not take 'resize'; see 'echogwctl stats"},
        UsageCase{{"stats", "--wach"}, "stats does not take '--wach'; did you mean '--watch'?"},
        UsageCase{{"stats", "--watch", "5"}, "--watch: '5' has no unit; write for example 5s"},
        UsageCase{{"stats", "--watch", "1ms"}, "--watch: '1ms' is too short; use at least 10ms"},
        UsageCase{{"stats", "--watch", "2h"}, "--watch: the interval is too long; use at most 1h"},
        UsageCase{{"stats", "-o", "xml"}, "--output: 'xml' is not known; use table, json, yaml"},
        UsageCase{{"stats", "-o"}, "--output needs a value"},
        UsageCase{{"stats", "--target", "foo"}, "--target: 'foo' is not a target; write HOST:PORT"},
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
        UsageCase{{"rebalance", "--policy", "luck"}, "--policy: 'luck' is not known; use"},
        UsageCase{{"rebalance", "--auto", "on", "--wait"}, "--wait cannot be combined with --auto"},
        UsageCase{{"steer"}, "steer: nothing to set; give REACTOR=WEIGHT"},
        UsageCase{{"steer", "1"}, "steer: '1' is not REACTOR=WEIGHT"},
        UsageCase{{"steer", "0=1001"}, "steer: '0=1001' is not REACTOR=WEIGHT"},
        UsageCase{{"steer", "0= 1"}, "steer: '0= 1' is not REACTOR=WEIGHT"},
        UsageCase{{"steer", "0=1", "0=2"}, "steer: reactor 0 is named twice"},
        UsageCase{{"drain", "--let-finish"}, "--let-finish requires --reactor"},
        UsageCase{{"drain", "--reactor", "1", "--spread", "1s"},
                  "--reactor cannot be combined with --spread"},
        UsageCase{{"drain", "--refuse", "rudely"}, "--refuse: 'rudely' is not known; use accept"},
        UsageCase{{"operation", "0"}, "ID: '0' is too small; use at least 1"}));

TEST(Usage, EveryVerbHasHelpWithExamples) {
  for (const auto& command : MakeCommands()) {
    const std::string name(command->Help().name);
    const CliRun run = RunNowhere({name, "--help"});
    EXPECT_EQ(run.code, 0) << name;
    EXPECT_EQ(run.err, "") << name;
    EXPECT_THAT(run.out, HasSubstr("Examples:\n  echogwctl " + name)) << name;
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

TEST(Usage, VersionsNeedNoGateway) {
  EXPECT_THAT(RunNowhere({"--version"}).out, StartsWith("echogwctl 0."));
  const CliRun run = RunNowhere({"version", "--client", "-o", "json"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, HasSubstr("\"gateway\": null"));
}

}  // namespace
}  // namespace echogw
