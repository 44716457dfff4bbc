// Goal: `close` closes what was chosen and only after it was allowed to: a question on a terminal,
// --yes anywhere else, neither for a single connection.
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

class Close : public VerbTest {
 protected:
  // Whether each call was a dry run.
  [[nodiscard]] std::vector<bool> DryRuns() const {
    std::vector<bool> dry;
    for (const auto& request : gateway_.requests().close_connections) {
      dry.push_back(request.dry_run());
    }
    return dry;
  }
};

TEST_F(Close, OneNeedsNoQuestion) {
  gateway_.close.set_closed(1);
  const CliRun run = Ask({"close", "4711"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "1 connection closed with FIN\n");
  EXPECT_EQ(run.err, "");
  EXPECT_THAT(DryRuns(), ElementsAre(false));
  const auto request = gateway_.requests().close_connections[0];
  EXPECT_THAT(request.ids(), ElementsAre(4711U));
  EXPECT_FALSE(request.has_filter());
  EXPECT_EQ(request.mode(), admin::v1::CLOSE_MODE_FIN);
}

TEST_F(Close, ConditionsThatMatchOneNeedNoQuestion) {
  gateway_.close.set_closed(1);
  const CliRun run = Ask({"close", "--peer", "192.0.2.7"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(DryRuns(), ElementsAre(true, false));
  EXPECT_EQ(gateway_.requests().close_connections[1].filter().peer_cidr(), "192.0.2.7");
}

TEST_F(Close, ManyIdsGoInBatches) {
  gateway_.close.set_closed(1);
  gateway_.close.add_not_found(7);
  std::string ids = "1";
  for (int id = 2; id <= 12'000; ++id) ids += "," + std::to_string(id);
  const CliRun run = Ask({"close", ids, "--yes"});
  EXPECT_EQ(run.code, 4);
  EXPECT_EQ(run.out, "3 connections closed with FIN\n");
  EXPECT_THAT(run.err, HasSubstr("not found: 7, 7, 7;"));
  const auto requests = gateway_.requests().close_connections;
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].ids_size(), 5000);
  EXPECT_THAT(requests[2].ids(), testing::Contains(12'000U));
  EXPECT_EQ(requests[2].ids_size(), 2000);
}

TEST_F(Close, SeveralNeedYesWithoutATerminal) {
  gateway_.close.set_closed(12);
  for (const CliTerminal& terminal :
       {CliTerminal{}, CliTerminal{.err = true, .typed = "y\n"}, CliTerminal{.in = true}}) {
    const CliRun run = Ask({"close", "--idle-min", "10m"}, terminal);
    EXPECT_EQ(run.code, 2);
    EXPECT_EQ(run.err,
              "echogwctl: close: 12 connections match and confirmation is not possible; add --yes "
              "to close "
              "them\n");
  }
  EXPECT_THAT(DryRuns(), ElementsAre(true, true, true));
}

TEST_F(Close, YesAsksNobody) {
  gateway_.close.set_closed(12);
  const CliRun run = Ask({"close", "--idle-min", "10m", "--reactor", "3", "--rst", "--yes"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "12 connections closed with RST\n");
  EXPECT_THAT(DryRuns(), ElementsAre(false));
  const auto request = gateway_.requests().close_connections[0];
  EXPECT_EQ(request.filter().idle_at_least().seconds(), 600);
  EXPECT_THAT(request.filter().reactors(), ElementsAre(3U));
  EXPECT_EQ(request.ids_size(), 0);
  EXPECT_EQ(request.mode(), admin::v1::CLOSE_MODE_RST);
}

TEST_F(Close, TheQuestionIsAskedOnATerminal) {
  gateway_.close.set_closed(12);
  const CliRun yes =
      Ask({"close", "--port", "7000"}, {.out = true, .err = true, .in = true, .typed = "y\n"});
  EXPECT_EQ(yes.code, 0);
  EXPECT_EQ(yes.err, "Close 12 connections with FIN? [y/N] ");
  EXPECT_EQ(yes.out, "12 connections closed with FIN\n");
  EXPECT_THAT(DryRuns(), ElementsAre(true, false));
  for (const char* typed : {"n\n", "\n", "", "yy\n"}) {
    const CliRun no = Ask({"close", "--port", "7000"}, {.err = true, .in = true, .typed = typed});
    EXPECT_EQ(no.code, 1);
    EXPECT_EQ(no.out, "");
    EXPECT_THAT(no.err, HasSubstr("[y/N] echogwctl: nothing was closed\n"));
  }
  EXPECT_THAT(DryRuns(), ElementsAre(true, false, true, true, true, true));
}

TEST_F(Close, DryRunClosesNothing) {
  gateway_.close.set_closed(12);
  const CliRun run = Ask({"close", "--peer", "::1", "--dry-run", "--yes"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "12 connections would be closed with FIN (dry run, nothing was changed)\n");
  EXPECT_THAT(DryRuns(), ElementsAre(true));
}

TEST_F(Close, IdsThatAreNotThereAreNamed) {
  gateway_.close.set_closed(1);
  gateway_.close.add_not_found(17);
  gateway_.close.add_not_found(18);
  const CliRun part = Ask({"close", "16,17", "18", "-o", "json"});
  EXPECT_EQ(part.code, 4);
  EXPECT_EQ(part.out, "{\n  \"closed\": 1,\n  \"not_found\": [\n    17,\n    18\n  ]\n}\n");
  EXPECT_EQ(part.err,
            "echogwctl: not found: 17, 18; already closed or never opened, see 'echogwctl "
            "conns'\n");
  EXPECT_THAT(gateway_.requests().close_connections[1].ids(), ElementsAre(16U, 17U, 18U));
  gateway_.close.set_closed(0);
  EXPECT_EQ(Ask({"close", "17", "18"}).code, 1);
}

TEST_F(Close, ConditionsThatMatchNothingAreNoFault) {
  const CliRun run = Ask({"close", "--state", "blocked"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "0 connections closed with FIN\n");
}

}  // namespace
}  // namespace echogw::ctl
