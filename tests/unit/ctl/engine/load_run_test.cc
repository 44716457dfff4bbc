// Goal: the engine counts what a correct endpoint does, and finds and names every kind of fault.
// Method: a real echo server on loopback, port 0, with a script of one fault.
#include "ctl/engine/load_run.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "tests/unit/ctl/engine/load_run_fixture.h"

namespace echogw::ctl::load {
namespace {

TEST(LoadRunTest, PingPong) {
  const LoadEchoServer server;
  const LoadResult result = RunLoad(OptionsFor(server));
  ExpectClean(result, 400, 64);
  EXPECT_EQ(result.connects, 4u);
  EXPECT_EQ(result.connect_latency.count(), 4u);
  EXPECT_EQ(result.alive_at_end, 4u);
}

TEST(LoadRunTest, PipelinedOverThreads) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.connections = 7;
  options.threads = 3;
  options.depth = 16;
  options.message_bytes = 100;
  options.messages = 5000;
  const LoadResult result = RunLoad(options);
  ExpectClean(result, 5000, 100);
  EXPECT_EQ(result.connects, 7u);
}

TEST(LoadRunTest, MessagesLargerThanEveryBuffer) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.connections = 2;
  options.message_bytes = 3'000'001;
  options.depth = 2;
  options.messages = 8;
  ExpectClean(RunLoad(options), 8, 3'000'001);
}

TEST(LoadRunTest, FewerMessagesThanConnections) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.depth = 4;
  options.messages = 2;
  const LoadResult result = RunLoad(options);
  ExpectClean(result, 2, 64);
  EXPECT_EQ(result.alive_at_end, 4u);
}

TEST(LoadRunTest, ChurnOpensAConnectionForEachMessage) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.mode = LoadMode::kChurn;
  options.messages = 100;
  options.threads = 2;
  const LoadResult result = RunLoad(options);
  ExpectClean(result, 100, 64);
  EXPECT_EQ(result.connects, 100u);
  EXPECT_EQ(result.connects_begun, 100u);
  EXPECT_EQ(result.connect_latency.count(), 100u);
  EXPECT_EQ(server.accepted(), 100u);
}

TEST(LoadRunTest, ChurnWaitsForTheFinOfTheServer) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.mode = LoadMode::kChurn;
  options.messages = 50;
  options.await_fin = true;
  ExpectClean(RunLoad(options), 50, 64);
  EXPECT_EQ(server.clean_closes(), 50u);
}

TEST(LoadRunTest, IPv6AndSourceAddresses) {
  const LoadEchoServer six({}, AF_INET6);
  ExpectClean(RunLoad(OptionsFor(six)), 400, 64);

  const LoadEchoServer four;
  LoadOptions options = OptionsFor(four);
  auto sources = SourceAddresses(four.endpoint(), 3);
  ASSERT_TRUE(sources.ok());
  options.sources = *sources;
  ExpectClean(RunLoad(options), 400, 64);
}

TEST(LoadRunTest, DurationEndsTheLoadAndWarmupIsNotMeasured) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.messages = 0;
  options.warmup = milliseconds(50);
  options.duration = milliseconds(100);
  const LoadResult result = RunLoad(options);
  EXPECT_EQ(result.errors.total(), 0u) << FirstError(result);
  EXPECT_GE(result.measured, milliseconds(100));
  EXPECT_LT(result.measured, seconds(5));
  EXPECT_GT(result.measured_messages, 0u);
  EXPECT_LT(result.measured_messages, result.messages);
  EXPECT_FALSE(result.interrupted);
}

TEST(LoadRunTest, StopEndsAnEndlessLoadWithItsResult) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.messages = 0;
  auto run = LoadRun::Start(options);
  ASSERT_TRUE(run.ok());
  ASSERT_TRUE((*run)->WaitStarted(seconds(10)));
  for (int i = 0; i < 1000 && (*run)->Progress().messages == 0; ++i) {
    EXPECT_FALSE((*run)->WaitDone(milliseconds(10)));
  }
  EXPECT_EQ((*run)->Progress().open, 4u);
  (*run)->Stop();
  EXPECT_TRUE((*run)->WaitDone(seconds(10)));
  const LoadResult result = (*run)->Finish();
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.errors.total(), 0u) << FirstError(result);
  EXPECT_GT(result.messages, 0u);
}

struct FaultCase {
  const char* name;
  EchoFault fault;
  ErrorKind kind;
  int error;
};

class LoadRunFaultTest : public testing::TestWithParam<FaultCase> {};

TEST_P(LoadRunFaultTest, StreamFindsItOnce) {
  // 1000 is within the 16th message of the second connection.
  const LoadEchoServer server({.fault = GetParam().fault, .at = 1000, .connection = 1});
  LoadOptions options = OptionsFor(server);
  options.await_fin = true;
  if (GetParam().fault == EchoFault::kMute) options.stall_timeout = kShortStall;
  const LoadResult result = RunLoad(options);
  ASSERT_EQ(result.errors.total(), 1u) << FirstError(result);
  const ErrorLog::Detail& detail = result.errors.details().front();
  EXPECT_EQ(detail.kind, GetParam().kind) << FirstError(result);
  EXPECT_EQ(detail.error, GetParam().error) << FirstError(result);
  EXPECT_NE(detail.local_port, 0);
  EXPECT_EQ(result.alive_at_end, 3u);
  EXPECT_LT(result.messages, 400u);
  if (detail.kind == ErrorKind::kWrongBytes) {
    EXPECT_GE(detail.offset, 1000u);
    EXPECT_LT(detail.offset, 1024u);
    EXPECT_GT(result.wrong_bytes, 0u);
  }
}

TEST_P(LoadRunFaultTest, ChurnFindsItEveryTime) {
  const LoadEchoServer server({.fault = GetParam().fault, .at = 20});
  LoadOptions options = OptionsFor(server);
  options.mode = LoadMode::kChurn;
  options.await_fin = true;
  options.messages = 8;
  if (GetParam().fault == EchoFault::kMute) options.stall_timeout = kShortStall;
  const LoadResult result = RunLoad(options);
  EXPECT_EQ(result.errors.total(), 8u) << FirstError(result);
  EXPECT_EQ(result.errors.CountOf(GetParam().kind), 8u) << FirstError(result);
  EXPECT_EQ(result.connects, 8u);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, LoadRunFaultTest,
    testing::Values(FaultCase{"FlipByte", EchoFault::kFlipByte, ErrorKind::kWrongBytes, 0},
                    FaultCase{"DropByte", EchoFault::kDropByte, ErrorKind::kWrongBytes, 0},
                    FaultCase{"DuplicateByte", EchoFault::kDuplicateByte, ErrorKind::kWrongBytes,
                              0},
                    FaultCase{"Reorder", EchoFault::kReorder, ErrorKind::kWrongBytes, 0},
                    FaultCase{"Reset", EchoFault::kReset, ErrorKind::kReset, ECONNRESET},
                    FaultCase{"Close", EchoFault::kClose, ErrorKind::kEarlyEof, 0},
                    FaultCase{"Mute", EchoFault::kMute, ErrorKind::kTimeout, 0}),
    [](const testing::TestParamInfo<FaultCase>& fault) { return fault.param.name; });

TEST(LoadRunTest, ALostLastByteIsATimeout) {
  // The last byte of the last message: nothing comes after it that could look wrong.
  const LoadEchoServer server({.fault = EchoFault::kDropByte, .at = 63, .connection = 0});
  LoadOptions options = OptionsFor(server);
  options.messages = 4;
  options.stall_timeout = kShortStall;
  const LoadResult result = RunLoad(options);
  ASSERT_EQ(result.errors.total(), 1u);
  EXPECT_EQ(result.errors.CountOf(ErrorKind::kTimeout), 1u) << FirstError(result);
}

TEST(LoadRunTest, ASurplusByteAfterTheLastAnswerIsFound) {
  const LoadEchoServer server({.fault = EchoFault::kSurplus, .at = 6399, .connection = 0});
  LoadOptions options = OptionsFor(server);
  options.connections = 1;
  options.messages = 100;
  options.await_fin = true;
  const LoadResult result = RunLoad(options);
  ASSERT_EQ(result.errors.total(), 1u);
  // It is read with the last answer, and then differs from what could follow there, or alone.
  EXPECT_EQ(result.errors.CountOf(ErrorKind::kSurplusBytes) +
                result.errors.CountOf(ErrorKind::kWrongBytes),
            1u)
      << FirstError(result);
}

TEST(LoadRunTest, AMissingFinIsFound) {
  const LoadEchoServer server({.fault = EchoFault::kNoFin, .connection = 2});
  LoadOptions options = OptionsFor(server);
  options.stall_timeout = kShortStall;
  options.await_fin = true;
  const LoadResult result = RunLoad(options);
  ASSERT_EQ(result.errors.total(), 1u);
  EXPECT_EQ(result.errors.CountOf(ErrorKind::kTimeout), 1u) << FirstError(result);
}

TEST(LoadRunTest, RefusedConnectsAreNamedAndEndTheLoad) {
  LoadTarget dead;
  {
    const LoadEchoServer server;
    dead = server.endpoint();
  }
  for (const LoadMode mode : {LoadMode::kStream, LoadMode::kChurn}) {
    LoadOptions options;
    options.target = dead;
    options.mode = mode;
    options.connections = 3;
    options.duration = std::chrono::minutes(10);
    const LoadResult result = RunLoad(options);
    EXPECT_EQ(result.connects, 0u);
    EXPECT_GE(result.errors.total(), 3u);
    EXPECT_EQ(result.errors.counts().begin()->first,
              ErrorLog::Key(ErrorKind::kConnect, ECONNREFUSED));
  }
}

TEST(LoadRunTest, AnUnansweredConnectTimesOut) {
  // A full accept queue: the kernel leaves further SYNs unanswered.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  LoadTarget endpoint;
  endpoint.length = sizeof(sockaddr_in);
  auto* address = reinterpret_cast<sockaddr_in*>(&endpoint.address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, endpoint.get(), endpoint.length), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&endpoint.address), &endpoint.length),
            0);
  LoadOptions options;
  options.target = endpoint;
  options.connections = 8;
  options.connect_timeout = milliseconds(100);
  options.stall_timeout = milliseconds(100);
  options.duration = milliseconds(1);
  const LoadResult result = RunLoad(options);
  EXPECT_GT(result.errors.CountOf(ErrorKind::kConnectTimeout), 0u) << FirstError(result);
  close(listener);
}

TEST(LoadRunTest, SlowConnectionsAreWrittenDown) {
  const LoadEchoServer server({.fault = EchoFault::kPause, .at = 0, .pause = milliseconds(60)});
  LoadOptions options = OptionsFor(server);
  options.mode = LoadMode::kChurn;
  options.messages = 20;
  options.slow_threshold = milliseconds(50);
  const LoadResult result = RunLoad(options);
  EXPECT_EQ(result.errors.total(), 0u) << FirstError(result);
  EXPECT_GE(result.slow_count, 1u);
  ASSERT_EQ(result.slow.size(), result.slow_count);
  EXPECT_EQ(result.slow.front().what, SlowConnection::What::kFirstEcho);
  EXPECT_GE(result.slow.front().took, milliseconds(50));
}

TEST(LoadRunTest, RefusesWhatCannotRun) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.threads = 5;
  EXPECT_EQ(LoadRun::Start(options).status().code(), absl::StatusCode::kInvalidArgument);
  options = OptionsFor(server);
  options.cpus = {100000};
  const absl::Status status = LoadRun::Start(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("100000"), std::string::npos);
}

}  // namespace
}  // namespace echogw::ctl::load
