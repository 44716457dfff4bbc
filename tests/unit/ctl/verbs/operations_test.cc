// Goal: the verbs that change the gateway send what was asked for, report what came of it, and end
// with the operation's own exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "ctl/cli/cli.h"
#include "tests/unit/ctl/verbs/verb_fixture.h"

namespace echogw::ctl {
namespace {

using admin::v1::Operation;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Operations : public VerbTest {
 protected:
  Operations() { gateway_.operation = SampleOperation(admin::v1::OPERATION_RESULT_RUNNING); }

  // WatchOperation says: running in two phases, then `result`.
  void EndWith(admin::v1::OperationResult result) {
    Operation running = gateway_.operation;
    running.set_phase("steer");
    Operation again = running;
    again.set_connections_moved(601);
    Operation moving = running;
    moving.set_phase("move-connections");
    gateway_.operation_updates = {running, again, moving, SampleOperation(result)};
  }
};

TEST_F(Operations, ResizeSaysHowToFollow) {
  const CliRun run = Ask({"resize", "2"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out,
            "Operation 7 started: resize 8 -> 2\n"
            "Follow it with: echogwctl operation 7 --watch\n");
  ASSERT_EQ(gateway_.requests().resize.size(), 1U);
  const auto request = gateway_.requests().resize[0];
  EXPECT_EQ(request.target(), 2U);
  EXPECT_FALSE(request.has_deadline());
  EXPECT_FALSE(request.dry_run());
  EXPECT_THAT(gateway_.requests().watch_operation, IsEmpty());
}

TEST_F(Operations, ResizeWaitShowsEachPhaseAndReports) {
  EndWith(admin::v1::OPERATION_RESULT_SUCCEEDED);
  const CliRun run = Ask({"resize", "2", "--wait", "--deadline", "1m"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err,
            "operation 7: resize 8 -> 2: steer, 600 moved, 12 left, 123 ms\n"
            "operation 7: resize 8 -> 2: move-connections, 600 moved, 12 left, 123 ms\n");
  EXPECT_EQ(run.out,
            "Operation    7: resize 8 -> 2\n"
            "Result       succeeded after 123 ms\n"
            "Phases       steer 1.20 ms, move-connections 122 ms\n"
            "Connections  600 moved, 0 closed, 0 reset, 0 left\n"
            "Accepted     5 from parked listeners\n"
            "Kernel       listen overflows +0, listen drops +0, aborts on close +0, "
            "failed request migrations +0\n");
  EXPECT_EQ(gateway_.requests().resize[0].deadline().seconds(), 60);
  EXPECT_EQ(gateway_.requests().watch_operation[0].id(), 7U);
}

TEST_F(Operations, ProgressIsOneLineOnATerminal) {
  EndWith(admin::v1::OPERATION_RESULT_SUCCEEDED);
  const CliRun run =
      RunWith({"--target", gateway_.target(), "resize", "2", "--wait"}, {.err = true}, nullptr);
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err.find('\n'), std::string::npos);
  EXPECT_THAT(run.err, StartsWith("\roperation 7: resize 8 -> 2: steer"));
  EXPECT_THAT(run.err, HasSubstr("601 moved"));
  EXPECT_THAT(run.err, testing::EndsWith("\r\x1b[K"));
}

TEST_F(Operations, TheExitCodeIsThatOfTheOperation) {
  const std::vector<std::pair<admin::v1::OperationResult, int>> cases = {
      {admin::v1::OPERATION_RESULT_SUCCEEDED, 0},
      {admin::v1::OPERATION_RESULT_TIMED_OUT, 4},
      {admin::v1::OPERATION_RESULT_CANCELLED, 4},
      {admin::v1::OPERATION_RESULT_FAILED, 1}};
  for (const auto& [result, code] : cases) {
    EndWith(result);
    EXPECT_EQ(Ask({"resize", "2", "--wait"}).code, code);
    EXPECT_EQ(Ask({"move", "--from", "0", "--to", "1", "--wait"}).code, code);
    EXPECT_EQ(Ask({"drain", "--wait"}).code, code);
    EXPECT_EQ(Ask({"operation", "7", "--watch"}).code, code);
    const CliRun json = Ask({"drain", "--wait", "-o", "json"});
    EXPECT_EQ(json.code, code);
    EXPECT_THAT(json.out, StartsWith("{\n  \"operation\": {\n    \"id\": 7,\n"));
  }
}

TEST_F(Operations, AnOperationThatIsDoneAtOnceIsReported) {
  gateway_.operation = SampleOperation(admin::v1::OPERATION_RESULT_SUCCEEDED);
  gateway_.operation.set_dry_run(true);
  const CliRun run = Ask({"resize", "2", "--dry-run", "--wait"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, StartsWith("Operation  7: resize 8 -> 2 (dry run, nothing was changed)\n"));
  EXPECT_TRUE(gateway_.requests().resize[0].dry_run());
  EXPECT_THAT(gateway_.requests().watch_operation, IsEmpty());
}

// "Started" would be wrong, and the report is the answer.
TEST_F(Operations, ADryRunIsAwaitedAndShowsThePlanOnly) {
  gateway_.operation.set_dry_run(true);
  Operation done = SampleOperation(admin::v1::OPERATION_RESULT_SUCCEEDED);
  done.set_dry_run(true);
  done.set_message("would go from 8 to 2 reactors and move 600 connections");
  gateway_.operation_updates = {done};
  const CliRun run = Ask({"resize", "2", "--dry-run"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(run.out,
            "Operation  7: resize 8 -> 2 (dry run, nothing was changed)\n"
            "Result     succeeded after 123 ms\n"
            "Message    would go from 8 to 2 reactors and move 600 connections\n"
            "Accepted   5 from parked listeners\n");
}

TEST_F(Operations, AStreamThatEndsTooEarlyIsUnreachable) {
  gateway_.operation_updates = {gateway_.operation};
  EXPECT_EQ(Ask({"resize", "2", "--wait"}).code, 3);
  gateway_.script.watch_end = {grpc::StatusCode::UNAVAILABLE, "stopping"};
  const CliRun run = Ask({"resize", "2", "--wait"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("closed the connection (stopping)"));
}

TEST_F(Operations, UpgradeSendsItsOptions) {
  EXPECT_EQ(Ask({"upgrade", "--binary", "/opt/a", "--config", "/etc/b", "--deadline", "1m",
                 "--linger", "2m", "--in-place", "--dry-run"})
                .code,
            0);
  ASSERT_EQ(gateway_.requests().upgrade.size(), 1U);
  const auto request = gateway_.requests().upgrade[0];
  EXPECT_EQ(request.binary(), "/opt/a");
  EXPECT_FALSE(request.same_binary());
  EXPECT_EQ(request.config(), "/etc/b");
  EXPECT_EQ(request.deadline().seconds(), 60);
  EXPECT_EQ(request.linger().seconds(), 120);
  EXPECT_TRUE(request.in_place());
  EXPECT_TRUE(request.dry_run());
  EXPECT_EQ(Ask({"reload"}).code, 0);
  EXPECT_TRUE(gateway_.requests().upgrade[1].same_binary());
  EXPECT_FALSE(gateway_.requests().upgrade[1].has_deadline());
}

TEST_F(Operations, UpgradeShowsThePauseAndTheSettingsThatChange) {
  Operation ended = SampleOperation(admin::v1::OPERATION_RESULT_SUCCEEDED);
  ended.set_kind(admin::v1::OPERATION_KIND_UPGRADE);
  ended.mutable_pause()->set_nanos(2'300'000);
  auto& change = *ended.add_changes();
  change.set_key("listen");
  change.add_before("127.0.0.1:7000");
  change.add_after("127.0.0.1:7000");
  change.add_after("discard@127.0.0.1:7009");
  ended.add_changes()->set_key("tls-cert");
  gateway_.operation = ended;
  const CliRun run = Ask({"reload", "--wait"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, StartsWith("Operation    7: upgrade\n"));
  EXPECT_THAT(run.out, HasSubstr("Pause        2.30 ms without accept or echo\n"));
  EXPECT_THAT(run.out, HasSubstr("SETTING   NOW             THEN\n"
                                 "listen    127.0.0.1:7000  127.0.0.1:7000, "
                                 "discard@127.0.0.1:7009\n"
                                 "tls-cert  none            none\n"));
}

TEST_F(Operations, AnUpgradeIsFollowedIntoTheNextProcess) {
  gateway_.operation.set_kind(admin::v1::OPERATION_KIND_UPGRADE);
  // The first stream ends with the process that was asked; a later one has the end.
  gateway_.operation_updates = {gateway_.operation};
  Operation ended = SampleOperation(admin::v1::OPERATION_RESULT_SUCCEEDED);
  ended.set_kind(admin::v1::OPERATION_KIND_UPGRADE);
  gateway_.later_updates = {ended};
  const CliRun run = Ask({"upgrade", "--wait"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, HasSubstr("Result       succeeded"));
  EXPECT_GT(gateway_.requests().watch_operation.size(), 1U);
}

TEST_F(Operations, InterruptedWaitEndsWithFourAndInterruptedWatchWithZero) {
  gateway_.operation_updates = {gateway_.operation};
  gateway_.script.watch_stays = true;
  const std::vector<std::pair<std::vector<std::string>, ExitCode>> cases = {
      {{"resize", "2", "--wait"}, ExitCode::kPartial}, {{"operation", "--watch"}, ExitCode::kOk}};
  for (const auto& [arguments, expected] : cases) {
    Interrupt interrupt;
    InterruptingBuffer buffer(interrupt);
    std::ostream err(&buffer);
    std::ostringstream out;
    auto line = arguments;
    line.insert(line.begin(), {"--target", gateway_.target()});
    EXPECT_EQ(RunCli(line, MakeCommands(), {.out = out, .err = err, .interrupt = interrupt}),
              expected);
    EXPECT_EQ(out.str(), "");
    EXPECT_EQ(buffer.str().find("stopped waiting; operation 7 continues") != std::string::npos,
              expected == ExitCode::kPartial);
  }
}

TEST_F(Operations, OperationAsksForOneOrTheNewest) {
  EXPECT_THAT(Ask({"operation"}).out, HasSubstr("Result       running for 123 ms\n"));
  EXPECT_EQ(Ask({"operation", "5"}).code, 0);
  ASSERT_EQ(gateway_.requests().get_operation.size(), 2U);
  EXPECT_EQ(gateway_.requests().get_operation[0].id(), 0U);
  EXPECT_EQ(gateway_.requests().get_operation[1].id(), 5U);
}

TEST_F(Operations, MoveSendsItsNumbers) {
  EXPECT_EQ(Ask({"move", "--from", "1", "--to", "0", "--connections", "25"}).code, 0);
  EXPECT_EQ(Ask({"move", "--from", "0", "--to", "255"}).code, 0);
  const auto requests = gateway_.requests().move;
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].from_reactor(), 1U);
  EXPECT_EQ(requests[0].to_reactor(), 0U);
  EXPECT_EQ(requests[0].connections(), 25U);
  EXPECT_EQ(requests[1].to_reactor(), 255U);
  EXPECT_EQ(requests[1].connections(), 0U);
}

TEST_F(Operations, RebalanceShowsThePlan) {
  Operation& plan = *gateway_.rebalance.mutable_operation();
  plan = SampleOperation(admin::v1::OPERATION_RESULT_SUCCEEDED);
  plan.set_kind(admin::v1::OPERATION_KIND_REBALANCE);
  plan.set_dry_run(true);
  plan.set_message("1 move would do.");
  plan.set_imbalance_before(1.524);
  plan.set_imbalance_after(1.05);
  admin::v1::PlannedMove& move = *plan.add_moves();
  move.set_to_reactor(3);
  move.set_connections(4);
  const CliRun run = Ask({"rebalance", "--policy", "busy", "--max-moves", "10", "--dry-run"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, HasSubstr("Message    1 move would do.\n"));
  EXPECT_THAT(run.out, HasSubstr("Imbalance  1.52 -> 1.05 (largest load over the mean)\n"));
  EXPECT_THAT(run.out, testing::EndsWith("\n\nFROM  TO  CONNECTIONS\n   0   3            4\n"));
  const auto request = gateway_.requests().rebalance.at(0);
  EXPECT_EQ(request.policy(), admin::v1::REBALANCE_POLICY_BUSY);
  EXPECT_EQ(request.max_moves(), 10U);
  EXPECT_TRUE(request.dry_run());
  EXPECT_EQ(request.auto_(), admin::v1::AUTO_REBALANCE_UNSPECIFIED);
}

TEST_F(Operations, RebalanceSetsTheAutomaticMode) {
  gateway_.rebalance.set_auto_enabled(true);
  EXPECT_EQ(Ask({"rebalance", "--auto", "on"}).out, "Automatic rebalancing is on\n");
  gateway_.rebalance.set_auto_enabled(false);
  EXPECT_EQ(Ask({"rebalance", "--auto", "off", "-o", "json"}).out,
            "{\n  \"operation\": null,\n  \"auto_enabled\": false\n}\n");
  const auto requests = gateway_.requests().rebalance;
  EXPECT_EQ(requests[0].auto_(), admin::v1::AUTO_REBALANCE_ON);
  EXPECT_EQ(requests[1].auto_(), admin::v1::AUTO_REBALANCE_OFF);
}

TEST_F(Operations, SteerSendsWeightsAndShowsShares) {
  for (const std::uint32_t weight : {1U, 3U}) {
    auto& entry = *gateway_.steering.add_weights();
    entry.set_reactor(weight / 2);
    entry.set_weight(weight);
  }
  gateway_.steering.set_steering_active(true);
  CliRun run = Ask({"steer", "1=3", "0=1"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(run.out,
            "REACTOR  WEIGHT  SHARE\n"
            "      0       1  25.0%\n"
            "      1       3  75.0%\n");
  gateway_.steering.set_steering_active(false);
  run = Ask({"steer", "--reset"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.err, HasSubstr("the weights have no effect"));
  const auto requests = gateway_.requests().steer;
  ASSERT_EQ(requests[0].weights_size(), 2);
  EXPECT_EQ(requests[0].weights(1).reactor(), 1U);
  EXPECT_EQ(requests[0].weights(1).weight(), 3U);
  EXPECT_FALSE(requests[0].reset());
  EXPECT_EQ(requests[1].weights_size(), 0);
  EXPECT_TRUE(requests[1].reset());
}

TEST_F(Operations, DrainOfTheGatewaySendsEverything) {
  EXPECT_EQ(Ask({"drain"}).code, 0);
  EXPECT_EQ(Ask({"drain", "--deadline", "2m", "--quiet-period", "500ms", "--quiet-max-wait", "3s",
                 "--refuse", "reset", "--spread", "0s"})
                .code,
            0);
  const auto requests = gateway_.requests().drain;
  EXPECT_EQ(requests[0].ShortDebugString(), "");
  EXPECT_FALSE(requests[1].has_reactor());
  EXPECT_EQ(requests[1].deadline().seconds(), 120);
  EXPECT_EQ(requests[1].quiet_period().nanos(), 500'000'000);
  EXPECT_EQ(requests[1].quiet_max_wait().seconds(), 3);
  EXPECT_EQ(requests[1].refuse(), admin::v1::REFUSE_MODE_RESET);
  EXPECT_TRUE(requests[1].has_spread());
}

TEST_F(Operations, DrainOfOneReactor) {
  gateway_.operation.set_kind(admin::v1::OPERATION_KIND_DRAIN_REACTOR);
  gateway_.operation.set_reactor(0);
  const CliRun run = Ask({"drain", "--reactor", "0", "--let-finish", "--deadline", "1s"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, HasSubstr("started: drain of reactor 0\n"));
  const auto request = gateway_.requests().drain.at(0);
  EXPECT_TRUE(request.has_reactor());
  EXPECT_EQ(request.reactor(), 0U);
  EXPECT_TRUE(request.let_finish());
}

TEST_F(Operations, Undrain) {
  gateway_.undrain.set_state(admin::v1::GATEWAY_STATE_SERVING);
  EXPECT_EQ(Ask({"undrain"}).out, "The gateway is serving\n");
  EXPECT_EQ(Ask({"undrain", "--reactor", "3"}).out,
            "Reactor 3 is back in service\nThe gateway is serving\n");
  EXPECT_EQ(Ask({"undrain", "-o", "json"}).out, "{\n  \"state\": \"GATEWAY_STATE_SERVING\"\n}\n");
  EXPECT_FALSE(gateway_.requests().undrain[0].has_reactor());
  EXPECT_EQ(gateway_.requests().undrain[1].reactor(), 3U);
}

}  // namespace
}  // namespace echogw::ctl
