// Goal: the verb's frame for scripts, and what it refuses. Method: whole command lines in this
// process, against the fake gateway, without a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/unit/ctl/cli_run.h"
#include "tests/unit/ctl/top/top_gateway.h"

namespace echogw::ctl::top {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class TopCommandTest : public testing::Test {
 protected:
  // The fake's script has a second pass with each snapshot, whatever the interval.
  CliRun Once() { return RunAt(gateway_.target(), {"top", "--once", "--interval", "10ms"}); }
  TopGateway gateway_;
};

TEST_F(TopCommandTest, OnceIsAFrameWithRates) {
  ASSERT_EQ(setenv("LC_ALL", "C", 1), 0);
  const CliRun run = Once();
  ASSERT_EQ(unsetenv("LC_ALL"), 0);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_THAT(run.out, StartsWith(" echogw " + gateway_.target() + "  serving  0.1.0  up 2h02m"));
  EXPECT_THAT(run.out, HasSubstr("\n Messages/s      1.00k "));
  EXPECT_THAT(run.out,
              HasSubstr("    25%    100    10 1.00k  62.5K  62.5K   2.0    3/4096    1\n"));
  EXPECT_THAT(run.out, testing::EndsWith("/4096    1\n  2   - parked   #     25%      0    10 "
                                         "1.00k  62.5K  62.5K   2.0         -    1\n"));
}

TEST_F(TopCommandTest, OnceFollowsTheLocale) {
  ASSERT_EQ(setenv("LC_ALL", "C", 1), 0);
  for (const char c : Once().out) EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f));
  ASSERT_EQ(setenv("LC_ALL", "C.UTF-8", 1), 0);
  EXPECT_THAT(Once().out, HasSubstr("█     25%"));
  ASSERT_EQ(unsetenv("LC_ALL"), 0);
}

TEST_F(TopCommandTest, OnceNeedsTwoSnapshots) {
  gateway_.script.watch_updates = 1;
  CliRun run = Once();
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("ended the stream"));
  gateway_.script.watch_end = {grpc::StatusCode::UNAVAILABLE, "stopping"};
  EXPECT_EQ(Once().code, 3);
  gateway_.script.hang = true;
  run = RunAt(gateway_.target(), {"--timeout", "50ms", "top", "--once", "-i", "10ms"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, StartsWith("echogwctl: no response from "));
}

TEST_F(TopCommandTest, OnceWorksWithoutInfo) {
  gateway_.info.Clear();
  EXPECT_THAT(Once().out, HasSubstr("  serving  up 2h02m"));
}

TEST_F(TopCommandTest, NobodyThere) {
  const CliRun run = RunAt("unix:/nonexistent/admin.sock", {"top", "--once"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, StartsWith("echogwctl: cannot reach unix:/nonexistent/admin.sock"));
}

TEST_F(TopCommandTest, ATerminalIsNeeded) {
  const CliRun run = RunAt(gateway_.target(), {"top"});
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("needs a terminal"));
  EXPECT_THAT(run.err, HasSubstr("'echogwctl top --once'"));
}

TEST_F(TopCommandTest, Usage) {
  for (const char* bad : {"9ms", "2h", "1", "x"}) {
    const CliRun run = RunAt(gateway_.target(), {"top", "--once", "--interval", bad});
    EXPECT_EQ(run.code, 2) << bad;
    EXPECT_THAT(run.err, HasSubstr("--interval")) << bad;
  }
  const CliRun json = RunAt(gateway_.target(), {"top", "--once", "-o", "json"});
  EXPECT_EQ(json.code, 2);
  EXPECT_THAT(json.err, HasSubstr("'echogwctl stats --watch -o json'"));
}

}  // namespace
}  // namespace echogw::ctl::top
