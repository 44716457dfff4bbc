// A run of the load client against an echo server in this process, and what a clean result is.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "ctl/engine/load_run.h"
#include "tests/unit/ctl/engine/load_echo_server.h"

namespace echogw::ctl::load {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline LoadOptions OptionsFor(const LoadEchoServer& server) {
  LoadOptions options;
  options.target = server.endpoint();
  options.connections = 4;
  options.messages = 400;
  // Long, so that a busy machine does not look like a fault.
  options.stall_timeout = seconds(20);
  options.connect_timeout = seconds(20);
  return options;
}

// For faults that only time can show.
inline constexpr milliseconds kShortStall{200};

inline LoadResult RunLoad(LoadOptions options) {
  auto run = LoadRun::Start(std::move(options));
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? (*run)->Finish() : LoadResult{};
}

inline std::string FirstError(const LoadResult& result) {
  if (result.errors.details().empty()) return "none";
  const ErrorLog::Detail& detail = result.errors.details().front();
  return std::string(ErrorKindName(detail.kind)) + " " + ErrnoName(detail.error) + " " +
         detail.text;
}

inline void ExpectClean(const LoadResult& result, std::uint64_t messages, std::uint64_t size) {
  EXPECT_EQ(result.errors.total(), 0u) << FirstError(result);
  EXPECT_EQ(result.messages, messages);
  EXPECT_EQ(result.measured_messages, messages);
  EXPECT_EQ(result.verified_bytes, messages * size);
  EXPECT_EQ(result.wrong_bytes, 0u);
  EXPECT_EQ(result.latency.count(), messages);
  EXPECT_EQ(result.unfinished, 0u);
  EXPECT_GT(result.latency.min().count(), 0);
  EXPECT_GT(result.measured.count(), 0);
}

}  // namespace echogw::ctl::load
