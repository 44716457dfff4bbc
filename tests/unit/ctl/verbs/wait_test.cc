// Goal: `wait` ends with 0 when all conditions hold at once, 4 when the deadline passed first, 3
// without any response, and survives a gateway that starts late or restarts. Method:
// what it says on the error stream is the signal that it waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ctl/cli/cli.h"
#include "tests/unit/ctl/cli_run.h"
#include "tests/unit/ctl/fake_gateway.h"

namespace echogw::ctl {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

admin::v1::GetStatsResponse Stats(admin::v1::GatewayState state, std::uint64_t connections) {
  admin::v1::GetStatsResponse stats = SampleStats();
  stats.set_state(state);
  stats.mutable_total()->set_connections_active(connections);
  return stats;
}

// An error stream that another thread can wait for.
class WatchedStream : public std::ostream {
 public:
  WatchedStream() : std::ostream(&buffer_) {}

  // False when `text` does not come within half a minute.
  bool WaitFor(const std::string& text) { return buffer_.WaitFor(text); }
  std::string Text() { return buffer_.Text(); }

 private:
  class Buffer : public std::stringbuf {
   public:
    bool WaitFor(const std::string& text) {
      std::unique_lock lock(mutex_);
      return flushed_.wait_for(lock, std::chrono::seconds(30),
                               [&] { return seen_.find(text) != std::string::npos; });
    }
    std::string Text() {
      const std::lock_guard lock(mutex_);
      return seen_;
    }

   protected:
    int sync() override {
      const std::lock_guard lock(mutex_);
      seen_ = str();
      flushed_.notify_all();
      return 0;
    }

   private:
    std::mutex mutex_;
    std::condition_variable flushed_;
    std::string seen_;
  };
  Buffer buffer_;
};

// A `wait` on a thread of its own.
class Waiter {
 public:
  explicit Waiter(std::vector<std::string> arguments)
      : thread_([this, arguments = std::move(arguments)] {
          code_ = static_cast<int>(
              RunCli(arguments, MakeCommands(), {.out = out_, .err = err, .interrupt = interrupt}));
        }) {}
  ~Waiter() {
    if (thread_.joinable()) thread_.join();
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  CliRun Join() {
    thread_.join();
    return {code_, out_.str(), err.Text()};
  }

  WatchedStream err;
  Interrupt interrupt;

 private:
  std::ostringstream out_;
  int code_ = -1;
  std::thread thread_;
};

class Wait : public testing::Test {
 protected:
  Wait() {
    std::string pattern = testing::TempDir() + "echogw-wait-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    address_ = "unix:" + folder_ + "/admin.sock";
  }
  ~Wait() override { std::filesystem::remove_all(folder_); }

  void Start() { gateway_ = std::make_unique<FakeGateway>(address_); }
  CliRun Ask(std::vector<std::string> arguments) { return RunAt(address_, std::move(arguments)); }

  std::string folder_;
  std::string address_;
  std::unique_ptr<FakeGateway> gateway_;
};

TEST_F(Wait, WhatHoldsAlreadyIsNotWaitedFor) {
  Start();
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_SERVING, 300)};
  const CliRun run = Ask({"wait", "serving", "reactors=2", "connections>299"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, MatchesRegex("serving, reactors=2, connections>299 after [0-9.]+ .*s\n"));
  EXPECT_EQ(run.err, "");
}

TEST_F(Wait, AllMustHoldAtOnce) {
  Start();
  gateway_->stats_updates = {
      Stats(admin::v1::GATEWAY_STATE_STARTING, 0), Stats(admin::v1::GATEWAY_STATE_SERVING, 300),
      Stats(admin::v1::GATEWAY_STATE_SERVING, 200), Stats(admin::v1::GATEWAY_STATE_SERVING, 0)};
  const CliRun run = Ask({"wait", "serving", "connections=0"});
  EXPECT_EQ(run.code, 0);
  // A line for each change of what is missing, not for each snapshot.
  EXPECT_EQ(run.err, "waiting for serving (starting)\nwaiting for connections=0 (300)\n");
}

TEST_F(Wait, OnATerminalOneLineChangesAndGoesAway) {
  Start();
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_SERVING, 300),
                             Stats(admin::v1::GATEWAY_STATE_SERVING, 200),
                             Stats(admin::v1::GATEWAY_STATE_SERVING, 0)};
  const CliRun run =
      RunWith({"--target", address_, "wait", "connections=0"}, {.err = true}, nullptr);
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err,
            "\rwaiting for connections=0 (300)\x1b[K\rwaiting for connections=0 (200)\x1b[K"
            "\r\x1b[K");
}

TEST_F(Wait, TheDeadlineEndsWithFour) {
  Start();
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_QUIET, 300)};
  const CliRun run =
      Ask({"wait", "drained", "connections<10", "reactors=2", "--deadline", "500ms"});
  EXPECT_EQ(run.code, 4);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, testing::EndsWith("echogwctl: not met within 500ms: drained (quiet), "
                                         "connections<10 (300)\n"));
  const CliRun json = Ask({"wait", "drained", "reactors=2", "--deadline", "500ms", "-o", "json"});
  EXPECT_EQ(json.code, 4);
  EXPECT_THAT(json.out, StartsWith("{\n  \"met\": false,\n  \"elapsed\": \"0."));
  EXPECT_THAT(json.out, HasSubstr("      \"condition\": \"drained\",\n      \"met\": false,\n"
                                  "      \"value\": \"quiet\"\n"));
  EXPECT_THAT(json.out, HasSubstr("      \"condition\": \"reactors=2\",\n      \"met\": true,\n"));
}

TEST_F(Wait, NobodyThereEndsWithThree) {
  const CliRun run = Ask({"wait", "serving", "--deadline", "200ms"});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "waiting for " + address_ + " to respond\nechogwctl: cannot reach " +
                         address_ +
                         " (no such file or directory); is echogw running with --admin there? "
                         "(tried for 200ms)\n");
}

TEST_F(Wait, SilenceEndsWithThree) {
  Start();
  gateway_->script.hang = true;
  const CliRun run = Ask({"wait", "serving", "--deadline", "200ms"});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.err, "echogwctl: no response from " + address_ +
                         " within 200ms; check whether the gateway hangs\n");
}

TEST_F(Wait, ARefusalEndsAtOnce) {
  Start();
  gateway_->script.status = {grpc::StatusCode::NOT_FOUND, "no operation 9"};
  const CliRun run = Ask({"wait", "operation=9", "--deadline", "10m"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.err, "echogwctl: refused: no operation 9\n");
}

TEST_F(Wait, AGatewayMayStartMeanwhile) {
  // Shorter than the 5 s after which gRPC looks at a connection that no call is waiting for.
  Waiter waiter({"--target", address_, "wait", "serving", "--deadline", "4s"});
  ASSERT_TRUE(waiter.err.WaitFor("to respond\n"));
  Start();
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_SERVING, 0)};
  EXPECT_EQ(waiter.Join().code, 0);
}

TEST_F(Wait, AGatewayMayStartAnewMeanwhile) {
  Start();
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_SERVING, 300)};
  Waiter waiter({"--target", address_, "wait", "connections=0", "--deadline", "1m"});
  ASSERT_TRUE(waiter.err.WaitFor("connections=0 (300)"));
  gateway_.reset();
  ASSERT_TRUE(waiter.err.WaitFor("to respond\n"));
  Start();
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_SERVING, 0)};
  EXPECT_EQ(waiter.Join().code, 0);
}

TEST_F(Wait, AGatewayThatWentAwayIsNamed) {
  Start();
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_SERVING, 300)};
  Waiter waiter({"--target", address_, "wait", "connections=0", "--deadline", "2s"});
  ASSERT_TRUE(waiter.err.WaitFor("connections=0 (300)"));
  gateway_.reset();
  const CliRun run = waiter.Join();
  EXPECT_EQ(run.code, 4);
  EXPECT_THAT(run.err, testing::EndsWith("echogwctl: not met within 2s: connections=0 (300); " +
                                         address_ + " went away\n"));
}

TEST_F(Wait, AnInterruptEndsWithFour) {
  Start();
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_SERVING, 300)};
  Waiter waiter({"--target", address_, "wait", "connections=0", "--deadline", "10m"});
  ASSERT_TRUE(waiter.err.WaitFor("connections=0 (300)"));
  EXPECT_TRUE(waiter.interrupt.Trigger());
  const CliRun run = waiter.Join();
  EXPECT_EQ(run.code, 4);
  EXPECT_THAT(run.err, testing::EndsWith("echogwctl: stopped waiting\n"));
}

TEST_F(Wait, OperationsFirstThenTheRest) {
  Start();
  admin::v1::Operation running = SampleOperation(admin::v1::OPERATION_RESULT_RUNNING);
  gateway_->operation_updates = {running, SampleOperation(admin::v1::OPERATION_RESULT_SUCCEEDED)};
  gateway_->stats_updates = {Stats(admin::v1::GATEWAY_STATE_SERVING, 0)};
  const CliRun run = Ask({"wait", "connections=0", "operation=7", "-o", "json"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "waiting for operation 7: move-connections, 600 moved, 12 left, 123 ms\n");
  EXPECT_THAT(run.out, HasSubstr("\"condition\": \"operation=7\",\n      \"met\": true,\n"
                                 "      \"value\": \"succeeded\""));
  EXPECT_EQ(gateway_->requests().watch_operation.at(0).id(), 7U);
}

TEST_F(Wait, AnOperationThatDidNotSucceedIsNotWaitedFor) {
  Start();
  const std::vector<std::pair<admin::v1::OperationResult, int>> cases = {
      {admin::v1::OPERATION_RESULT_TIMED_OUT, 4},
      {admin::v1::OPERATION_RESULT_CANCELLED, 4},
      {admin::v1::OPERATION_RESULT_FAILED, 1}};
  for (const auto& [result, code] : cases) {
    gateway_->operation_updates = {SampleOperation(result)};
    gateway_->operation_updates[0].set_message("that was it");
    const CliRun run = Ask({"wait", "operation=7", "--deadline", "10m"});
    EXPECT_EQ(run.code, code);
    EXPECT_THAT(run.err, StartsWith("echogwctl: operation 7 did not succeed: "));
    EXPECT_THAT(run.err, testing::EndsWith("that was it\n"));
  }
}

}  // namespace
}  // namespace echogw::ctl
