// Goal: the verb soak changes the gateway as told, joins what clients and gateway saw, and its
// verdict and exit code are right. Method: the real command line against an echo server, correct or
// with one fault, and a scripted admin API that counts what the echo server did.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ctl/base/interrupt.h"
#include "tests/unit/ctl/engine/load_echo_server.h"
#include "tests/unit/ctl/fake_gateway.h"
#include "tests/unit/ctl/load/load_cli.h"

namespace echogw::ctl::load {
namespace {

using admin::v1::Operation;
using testing::HasSubstr;
using testing::Not;

// The admin API of a gateway whose data plane is a LoadEchoServer.
class EchoGateway : public FakeGateway {
 public:
  explicit EchoGateway(const LoadEchoServer& echo) : echo_(echo) {
    operation.set_id(7);
    operation.set_kind(admin::v1::OPERATION_KIND_RESIZE);
    operation.set_result(admin::v1::OPERATION_RESULT_RUNNING);
    operation.mutable_kernel_before()->set_listen_drops(5);
    EndWith(admin::v1::OPERATION_RESULT_SUCCEEDED);
    *rebalance.mutable_operation() = operation;
    for (const std::uint32_t id : {0u, 1u, 2u}) {
      admin::v1::Reactor& reactor = *reactors.add_reactors();
      reactor.set_id(id);
      reactor.set_state(id == 2 ? admin::v1::REACTOR_STATE_PARKED
                                : admin::v1::REACTOR_STATE_SERVING);
    }
  }

  void EndWith(admin::v1::OperationResult result) {
    Operation end = operation;
    end.set_result(result);
    end.set_message("as told");
    end.set_connections_moved(3);
    end.mutable_elapsed()->set_nanos(1'000'000);
    end.mutable_kernel_after()->set_listen_drops(6);
    operation_updates = {operation, end};
  }

  // Connections that the counters miss.
  void Forget(std::uint64_t count) { forgotten_ = count; }

  // Every answer of GetInfo but the first is of another process.
  void RestartAfterTheFirstCall() { restarts_ = true; }

  grpc::Status GetInfo(grpc::ServerContext* call, const admin::v1::GetInfoRequest* request,
                       admin::v1::GetInfoResponse* response) override {
    const grpc::Status status = FakeGateway::GetInfo(call, request, response);
    response->mutable_start_time()->set_seconds(1000 + (restarts_ ? infos_++ : 0));
    return status;
  }

  // Begins as running whatever `operation` says, which is what GetOperation answers.
  grpc::Status Resize(grpc::ServerContext* call, const admin::v1::ResizeRequest* request,
                      admin::v1::ResizeResponse* response) override {
    const grpc::Status status = FakeGateway::Resize(call, request, response);
    response->mutable_operation()->set_result(admin::v1::OPERATION_RESULT_RUNNING);
    return status;
  }

  grpc::Status GetStats(grpc::ServerContext* call, const admin::v1::GetStatsRequest* request,
                        admin::v1::GetStatsResponse* response) override {
    const grpc::Status status = FakeGateway::GetStats(call, request, response);
    admin::v1::Counters& total = *response->mutable_total();
    // Closes first: a connection is accepted before it is closed.
    const std::uint64_t closes = echo_.closes();
    const std::uint64_t accepted = echo_.accepted();
    total.set_connections_accepted(accepted);
    total.mutable_connections_closed()->set_peer_closed(closes);
    total.set_connections_active(accepted - closes -
                                 std::min(forgotten_.load(), accepted - closes));
    if (closes > 0) total.set_connections_moved_in(forgotten_);
    total.set_connections_moved_out(0);
    total.set_received_bytes(echo_.received_bytes());
    total.set_sent_bytes(echo_.received_bytes());
    return status;
  }

 private:
  const LoadEchoServer& echo_;
  std::atomic<std::uint64_t> forgotten_{0};
  std::atomic<bool> restarts_{false};
  std::atomic<int> infos_{0};
};

class LoadSoakTest : public testing::Test {
 protected:
  LoadCliResult Soak(const LoadEchoServer& echo, const std::string& target,
                     std::vector<std::string> more, Interrupt* interrupt = nullptr) {
    // The thresholds are long, so that a busy machine does not look like a loss.
    std::vector<std::string> arguments = {
        "--target",        target, "--timeout",       "20s", "soak", echo.address(), "--held", "3",
        "--churn-clients", "2",    "--held-interval", "5ms"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunLoadCli(arguments, interrupt);
  }
};

TEST_F(LoadSoakTest, LostNothingWhileTheGatewayChanges) {
  const LoadEchoServer echo;
  EchoGateway gateway(echo);
  const LoadCliResult run = Soak(echo, gateway.target(),
                                 {"-d", "1s", "--slow-threshold", "20s", "--resize", "8,2,5",
                                  "--every", "2ms", "--rebalance", "--move", "--drain-reactor"});
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("\nLOST NOTHING\n"));
  EXPECT_THAT(run.out, HasSubstr("Held         3 of 3 alive at the end\n"));
  EXPECT_THAT(run.out, HasSubstr("Accounting   adds up\n"));
  EXPECT_THAT(run.out, HasSubstr(" 0 failed or refused\n"));
  EXPECT_THAT(run.out, HasSubstr("listen drops +1"));

  const FakeGateway::Requests requests = gateway.requests();
  ASSERT_GE(requests.resize.size(), 15u);
  const std::uint32_t sizes[] = {8, 2, 5};
  for (std::size_t i = 0; i < requests.resize.size(); ++i) {
    EXPECT_EQ(requests.resize[i].target(), sizes[i % 3]);
  }
  ASSERT_FALSE(requests.rebalance.empty());
  ASSERT_FALSE(requests.move.empty());
  EXPECT_NE(requests.move[0].from_reactor(), requests.move[0].to_reactor());
  ASSERT_FALSE(requests.drain.empty());
  ASSERT_EQ(requests.undrain.size(), requests.drain.size());
  // A parked reactor is left alone.
  EXPECT_LT(requests.drain[0].reactor(), 2u);
  EXPECT_EQ(requests.undrain[0].reactor(), requests.drain[0].reactor());
  // Each operation is followed, one after the other.
  EXPECT_EQ(requests.watch_operation.size(), requests.resize.size() + requests.rebalance.size() +
                                                 requests.move.size() + requests.drain.size());
}

TEST_F(LoadSoakTest, StopsAfterTheConnectionsAskedFor) {
  const LoadEchoServer echo;
  EchoGateway gateway(echo);
  const LoadCliResult run =
      Soak(echo, gateway.target(),
           {"--connections", "50", "--baseline", "200ms", "--slow-threshold", "20s", "-o", "json"});
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"verdict\": \"LOST NOTHING\""));
  EXPECT_THAT(run.out, HasSubstr("\"connections\": 50,"));
  EXPECT_THAT(run.out, HasSubstr("\"adds_up\": true"));
  EXPECT_THAT(run.out, Not(HasSubstr("\"held_p99_9_to_baseline\": null")));
  EXPECT_THAT(run.out, Not(HasSubstr("\"baseline\": null")));
  EXPECT_THAT(run.out, HasSubstr("\"operations\": null"));
}

TEST_F(LoadSoakTest, EachFaultOfTheEndpointIsALoss) {
  struct Case {
    EchoFault fault;
    const char* kind;
    const char* stall = "20s";
  };
  for (const Case& fault :
       {Case{EchoFault::kFlipByte, "wrong-bytes"}, Case{EchoFault::kReset, "reset ECONNRESET"},
        Case{EchoFault::kClose, "early-eof"}, Case{EchoFault::kMute, "timeout", "300ms"}}) {
    // Connection 1 is a held one, because those are opened first.
    const LoadEchoServer echo({.fault = fault.fault, .at = 200, .connection = 1});
    EchoGateway gateway(echo);
    const LoadCliResult run = Soak(
        echo, gateway.target(),
        {"-d", "200ms", "--no-admin", "--slow-threshold", "20s", "--stall-timeout", fault.stall});
    EXPECT_EQ(run.code, 1) << run.out << run.err;
    EXPECT_THAT(run.out, HasSubstr("\nLOST 1 client-side error"));
    EXPECT_THAT(run.out, HasSubstr("1 of 3 held connections\n"));
    EXPECT_THAT(run.out, HasSubstr(std::string("  ") + fault.kind + ": 1\n"));
  }
}

TEST_F(LoadSoakTest, ASlowConnectionIsALoss) {
  const LoadEchoServer echo({.fault = EchoFault::kPause,
                             .at = 0,
                             .connection = 4,
                             .pause = std::chrono::milliseconds(80)});
  const LoadCliResult run =
      Soak(echo, "127.0.0.1:1", {"--connections", "30", "--slow-threshold", "60ms"});
  EXPECT_EQ(run.code, 1) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("slower than 60.0 ms\n"));
  EXPECT_THAT(run.out, HasSubstr("first echo took "));
}

TEST_F(LoadSoakTest, CountersThatDoNotAddUpAreALoss) {
  const LoadEchoServer echo;
  EchoGateway gateway(echo);
  gateway.Forget(1);
  const LoadCliResult run =
      Soak(echo, gateway.target(),
           {"--connections", "20", "--settle", "100ms", "--slow-threshold", "20s"});
  EXPECT_EQ(run.code, 1) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("LOST accounting: the totals do not add up: 23 accepted + 1 "));
}

TEST_F(LoadSoakTest, AFailedOperationIsExitCode4) {
  const LoadEchoServer echo;
  EchoGateway gateway(echo);
  gateway.EndWith(admin::v1::OPERATION_RESULT_TIMED_OUT);
  const LoadCliResult run =
      Soak(echo, gateway.target(),
           {"-d", "500ms", "--resize", "2", "--every", "20ms", "--slow-threshold", "20s"});
  EXPECT_EQ(run.code, 4) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("LOST NOTHING"));
  EXPECT_THAT(run.out, HasSubstr("resize: operation 7: OPERATION_RESULT_TIMED_OUT: as told\n"));
}

TEST_F(LoadSoakTest, ABrokenWatchIsMadeUpForByAsking) {
  const LoadEchoServer echo;
  EchoGateway gateway(echo);
  gateway.operation_updates = {gateway.operation};
  gateway.script.watch_end = {grpc::StatusCode::UNAVAILABLE, "gone"};
  gateway.operation.set_result(admin::v1::OPERATION_RESULT_SUCCEEDED);
  const LoadCliResult run =
      Soak(echo, gateway.target(), {"-d", "500ms", "--slow-threshold", "20s", "--resize", "2"});
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("1 resize succeeded"));
  EXPECT_EQ(gateway.requests().get_operation.size(), 1u);
}

TEST_F(LoadSoakTest, WithoutAnAdminItStillRunsUnlessItNeedsOne) {
  const LoadEchoServer echo;
  const LoadCliResult alone =
      Soak(echo, "127.0.0.1:1", {"--connections", "10", "--slow-threshold", "20s"});
  EXPECT_EQ(alone.code, 0) << alone.out << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("Gateway      not asked: cannot reach 127.0.0.1:1"));
  const LoadCliResult resize = Soak(echo, "127.0.0.1:1", {"--resize", "2"});
  EXPECT_EQ(resize.code, 3);
  EXPECT_EQ(resize.out, "");
}

TEST_F(LoadSoakTest, NoEndpointIsExitCode3) {
  const LoadEchoServer other;
  EchoGateway gateway(other);
  LoadCliResult run;
  {
    auto echo = std::make_unique<LoadEchoServer>();
    const LoadTarget dead = echo->endpoint();
    echo.reset();
    run = RunLoadCli({"--target", gateway.target(), "soak", dead.ToString(), "-d", "10s"});
  }
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("connect ECONNREFUSED"));
}

TEST_F(LoadSoakTest, AnInterruptEndsItWithAReport) {
  const LoadEchoServer echo;
  Interrupt interrupt;
  std::thread trigger([&] {
    while (echo.accepted() < 10 || !interrupt.Trigger()) std::this_thread::yield();
  });
  const LoadCliResult run =
      Soak(echo, "127.0.0.1:1", {"-d", "10m", "--slow-threshold", "20s"}, &interrupt);
  trigger.join();
  // It has not run as long as was asked for.
  EXPECT_EQ(run.code, 4) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("(interrupted)"));
  EXPECT_THAT(run.out, HasSubstr("LOST NOTHING"));
}

TEST_F(LoadSoakTest, AnInterruptInTheBaselineLosesNothing) {
  const LoadEchoServer echo;
  Interrupt interrupt;
  std::thread trigger([&] {
    while (echo.accepted() < 10 || !interrupt.Trigger()) std::this_thread::yield();
  });
  const LoadCliResult run =
      Soak(echo, "127.0.0.1:1", {"--baseline", "10m", "-d", "10m", "--slow-threshold", "20s"},
           &interrupt);
  trigger.join();
  EXPECT_EQ(run.code, 4) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("LOST NOTHING"));
}

TEST_F(LoadSoakTest, ARestartOfTheGatewayIsALossWithoutCounters) {
  const LoadEchoServer echo;
  for (const char* format : {"table", "json"}) {
    EchoGateway gateway(echo);
    gateway.RestartAfterTheFirstCall();
    const LoadCliResult run =
        Soak(echo, gateway.target(),
             {"--connections", "20", "--settle", "100ms", "--slow-threshold", "20s", "-o", format});
    EXPECT_EQ(run.code, 1) << run.out << run.err;
    EXPECT_THAT(run.out, HasSubstr("LOST accounting: the gateway was restarted"));
    // Nothing that a counter of the one minus a counter of the other would give.
    EXPECT_THAT(run.out,
                Not(HasSubstr(format == std::string("json") ? "peer_closed" : "accepted")));
  }
}

TEST_F(LoadSoakTest, UsageErrorsAreExitCode2) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--resize", "8,0"}, "1 to 256"},
      {{"--resize", "8,,2"}, "1 to 256"},
      {{"--no-admin", "--rebalance"}, "--no-admin"},
      {{"--churn-clients", "0", "--held", "0"}, "nothing to do"},
      {{"-t", "17"}, "--threads"},
      {{"--churn-clients", "0", "--connections", "5"}, "--connections"},
      {{"--every", "5"}, "unit"},
  };
  for (const auto& [arguments, expected] : cases) {
    std::vector<std::string> all = {"soak", "127.0.0.1:1"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const LoadCliResult run = RunLoadCli(all);
    EXPECT_EQ(run.code, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr(expected));
    EXPECT_EQ(run.out, "");
  }
}

}  // namespace
}  // namespace echogw::ctl::load
