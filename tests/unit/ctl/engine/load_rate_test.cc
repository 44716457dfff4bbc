// Goal: a rate keeps its schedule, latency counts from the intended time, and what was due counts.
// Method: as load_run_test.cc.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/unit/ctl/engine/load_run_fixture.h"

namespace echogw::ctl::load {
namespace {

TEST(LoadRunTest, RateKeepsItsSchedule) {
  const LoadEchoServer server;
  LoadOptions options = OptionsFor(server);
  options.threads = 2;
  options.rate = 2000;
  options.messages = 300;
  options.depth = 1000;
  const LoadResult result = RunLoad(options);
  ExpectClean(result, 300, 64);
  // 300 messages at 2000 a second: the last one is due after 149 ms or so.
  EXPECT_GE(result.measured, milliseconds(145));
}

TEST(LoadRunTest, RateCountsLatencyFromTheIntendedTime) {
  // The server stops for 200 ms once. A client that waits for its answers would see one slow
  // message; at 500 a second, about 100 were due in that time.
  for (const std::uint64_t depth : {std::uint64_t{1}, std::uint64_t{1000}}) {
    const LoadEchoServer server(
        {.fault = EchoFault::kPause, .at = 640, .pause = milliseconds(200)});
    LoadOptions options = OptionsFor(server);
    options.rate = 500;
    options.depth = depth;
    options.messages = 0;
    options.duration = milliseconds(400);
    const LoadResult result = RunLoad(options);
    EXPECT_EQ(result.errors.total(), 0u) << FirstError(result);
    EXPECT_EQ(result.unfinished, 0u);
    EXPECT_GE(result.latency.count(), 190u);
    EXPECT_GE(result.latency.max(), milliseconds(195));
    EXPECT_GE(result.latency.Quantile(0.999), milliseconds(190));
    // Those due in the middle of the pause waited for the other half of it.
    EXPECT_GE(result.latency.Quantile(0.8), milliseconds(80));
  }
}

TEST(LoadRunTest, ChurnAtARateCountsFromTheIntendedTime) {
  const LoadEchoServer server({.fault = EchoFault::kPause, .pause = milliseconds(200)});
  LoadOptions options = OptionsFor(server);
  options.mode = LoadMode::kChurn;
  options.rate = 500;
  options.messages = 150;
  const LoadResult result = RunLoad(options);
  EXPECT_EQ(result.errors.total(), 0u) << FirstError(result);
  EXPECT_EQ(result.messages, 150u);
  EXPECT_GE(result.latency.Quantile(0.5), milliseconds(40));
  EXPECT_GE(result.latency.max(), milliseconds(195));
}

TEST(LoadRunTest, ARateBeyondTheClientEndsOnTimeAndCountsWhatWasDue) {
  for (const LoadMode mode : {LoadMode::kStream, LoadMode::kChurn}) {
    for (const double rate : {1e7, 1e12}) {
      const LoadEchoServer server;
      LoadOptions options = OptionsFor(server);
      options.mode = mode;
      options.connections = 1;
      options.rate = rate;
      options.depth = 1000;
      options.messages = 0;
      options.duration = milliseconds(200);
      options.stall_timeout = milliseconds(500);
      auto run = LoadRun::Start(options);
      ASSERT_TRUE(run.ok());
      ASSERT_TRUE((*run)->WaitDone(seconds(20)));
      const LoadResult result = (*run)->Finish();
      EXPECT_LT(result.measured, seconds(2));
      const double due = rate * std::chrono::duration<double>(result.measured).count();
      const auto not_done = static_cast<double>(result.unsent + result.unfinished);
      // Half and not all: `measured` ends a moment after the last message was due.
      EXPECT_GT(static_cast<double>(result.messages) + not_done, 0.5 * due);
      EXPECT_LE(not_done, due);
    }
  }
}

TEST(LoadRunTest, AStopEndsARateThatIsFarBehindOrFarAhead) {
  for (const double rate : {1e12, 1e-10}) {
    const LoadEchoServer server;
    LoadOptions options = OptionsFor(server);
    options.rate = rate;
    options.depth = 1000;
    options.messages = 0;
    // Longer than the clock lasts.
    options.duration = std::chrono::nanoseconds::max();
    options.stall_timeout = milliseconds(500);
    auto run = LoadRun::Start(options);
    ASSERT_TRUE(run.ok());
    EXPECT_FALSE((*run)->WaitDone(milliseconds(100)));
    (*run)->Stop();
    ASSERT_TRUE((*run)->WaitDone(seconds(20)));
    EXPECT_TRUE((*run)->Finish().interrupted);
  }
}

}  // namespace
}  // namespace echogw::ctl::load
