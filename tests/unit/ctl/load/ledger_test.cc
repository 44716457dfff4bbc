// Goal: a soak's verdict follows from its findings: every way in which the gateway's counters can
// fail to add up, or the clients can lose something, is named, and nothing else is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "ctl/load/soak_ledger.h"
#include "ctl/load/soak_report.h"

namespace echogw::ctl::load {
namespace {

using admin::v1::GetStatsResponse;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// 10 connections on reactor 0, of which 4 moved to reactor 1; 3 are active on each.
GetStatsResponse Balanced() {
  GetStatsResponse stats;
  stats.mutable_uptime()->set_seconds(10);
  admin::v1::Counters& first = *stats.add_reactors()->mutable_counters();
  first.set_connections_accepted(10);
  first.mutable_connections_closed()->set_peer_closed(2);
  first.mutable_connections_closed()->set_drained(1);
  first.set_connections_moved_out(4);
  first.set_connections_active(3);
  admin::v1::Reactor& reactor = *stats.add_reactors();
  reactor.set_id(1);
  admin::v1::Counters& second = *reactor.mutable_counters();
  second.set_connections_moved_in(4);
  second.mutable_connections_closed()->set_peer_reset(1);
  second.set_connections_active(3);
  admin::v1::Counters& total = *stats.mutable_total();
  total.set_connections_accepted(10);
  total.mutable_connections_closed()->set_peer_closed(2);
  total.mutable_connections_closed()->set_peer_reset(1);
  total.mutable_connections_closed()->set_drained(1);
  total.set_connections_moved_in(4);
  total.set_connections_moved_out(4);
  total.set_connections_active(6);
  total.set_received_bytes(640);
  total.set_sent_bytes(640);
  return stats;
}

std::vector<std::string> Faults(const std::function<void(GetStatsResponse&)>& change) {
  GetStatsResponse after = Balanced();
  change(after);
  return CheckLedger({}, after, {.connects = 10, .verified_bytes = 640});
}

TEST(LoadLedgerTest, WhatAddsUpHasNoFaults) {
  EXPECT_THAT(Faults([](GetStatsResponse&) {}), IsEmpty());
  // Others may have used the gateway too.
  EXPECT_THAT(CheckLedger({}, Balanced(), {.connects = 3, .verified_bytes = 100}), IsEmpty());
}

TEST(LoadLedgerTest, ALostConnectionIsNamed) {
  EXPECT_THAT(
      Faults([](GetStatsResponse& stats) { stats.mutable_total()->set_connections_active(5); }),
      ElementsAre("the totals do not add up: 10 accepted + 4 moved in, but 4 closed + 4 moved "
                  "out + 5 active"));
  EXPECT_THAT(Faults([](GetStatsResponse& stats) {
                stats.mutable_reactors(1)->mutable_counters()->set_connections_active(2);
              }),
              ElementsAre(HasSubstr("reactor 1 does not add up: ")));
}

TEST(LoadLedgerTest, AConnectionLostOnTheMoveIsNamed) {
  EXPECT_THAT(Faults([](GetStatsResponse& stats) {
                stats.mutable_total()->set_connections_moved_in(3);
                stats.mutable_total()->set_connections_active(5);
              }),
              ElementsAre("4 connections moved out, but 3 moved in"));
}

TEST(LoadLedgerTest, LessThanTheClientsKnowIsNamed) {
  EXPECT_THAT(
      CheckLedger({}, Balanced(), {.connects = 11, .verified_bytes = 641}),
      ElementsAre("the gateway accepted or rejected connections: 10, the clients know of 11",
                  "the gateway received bytes: 640, the clients know of 641",
                  "the gateway sent bytes: 640, the clients know of 641"));
}

TEST(LoadLedgerTest, ARejectedConnectionStoodForItsClient) {
  GetStatsResponse after = Balanced();
  after.mutable_total()->mutable_connections_rejected()->set_draining(1);
  EXPECT_THAT(CheckLedger({}, after, {.connects = 11, .verified_bytes = 640}), IsEmpty());
}

TEST(LoadLedgerTest, OnlyTheGrowthCounts) {
  const GetStatsResponse stats = Balanced();
  EXPECT_THAT(CheckLedger(stats, stats, {}), IsEmpty());
  EXPECT_THAT(CheckLedger(stats, stats, {.connects = 1}), ElementsAre(HasSubstr("accepted")));
}

TEST(LoadLedgerTest, ARestartIsNamed) {
  GetStatsResponse before = Balanced();
  before.mutable_uptime()->set_seconds(11);
  EXPECT_THAT(CheckLedger(before, Balanced(), {}), ElementsAre("the gateway was restarted"));
}

SoakFindings CleanFindings() {
  SoakFindings findings;
  findings.held_connections = 4;
  findings.slow_threshold = std::chrono::milliseconds(900);
  findings.traffic.held.alive_at_end = 4;
  findings.traffic.churn.connects = 100;
  findings.server.emplace();
  findings.control.emplace();
  return findings;
}

std::string Verdict(const std::function<void(SoakFindings&)>& change) {
  SoakFindings findings = CleanFindings();
  change(findings);
  return VerdictOf(LossesOf(findings));
}

TEST(LoadVerdictTest, NothingLost) {
  EXPECT_EQ(Verdict([](SoakFindings&) {}), "LOST NOTHING");
  // Operations that failed are told, but no connection was lost by that.
  EXPECT_EQ(Verdict([](SoakFindings& findings) { findings.control->tallies["resize"].failed = 1; }),
            "LOST NOTHING");
}

TEST(LoadVerdictTest, EachLossIsNamed) {
  EXPECT_EQ(Verdict([](SoakFindings& findings) {
              findings.traffic.churn.errors.Add({.kind = ErrorKind::kReset});
              findings.traffic.held.errors.Add({.kind = ErrorKind::kEarlyEof});
              findings.traffic.held.alive_at_end = 3;
            }),
            "LOST 2 client-side errors, 1 of 4 held connections");
  EXPECT_EQ(Verdict([](SoakFindings& findings) { findings.traffic.churn.wrong_bytes = 1; }),
            "LOST 1 wrong byte");
  EXPECT_EQ(Verdict([](SoakFindings& findings) { findings.traffic.churn.slow_count = 2; }),
            "LOST 2 connections slower than 900 ms");
  EXPECT_EQ(Verdict([](SoakFindings& findings) { findings.traffic.held.unfinished = 1; }),
            "LOST 1 answer missing at the end");
  EXPECT_EQ(Verdict([](SoakFindings& findings) {
              findings.server->faults = {"a", "b"};
            }),
            "LOST accounting: a; b");
  EXPECT_EQ(Verdict([](SoakFindings& findings) {
              findings.traffic.churn.errors.Add(
                  {.kind = ErrorKind::kClientLimit, .error = EADDRNOTAVAIL});
            }),
            "LOST 1 connect that this machine could not start (not the gateway's fault)");
}

TEST(LoadVerdictTest, TheBaselineCountsToo) {
  EXPECT_EQ(Verdict([](SoakFindings& findings) {
              findings.baseline.emplace();
              findings.baseline->held.alive_at_end = 4;
            }),
            "LOST NOTHING");
  EXPECT_EQ(Verdict([](SoakFindings& findings) {
              findings.baseline.emplace();
              findings.baseline->held.alive_at_end = 2;
              findings.baseline->churn.slow_count = 1;
            }),
            "LOST 2 of 4 held connections, 1 connection slower than 900 ms");
}

}  // namespace
}  // namespace echogw::ctl::load
