// Goal: the verb bench reports what was measured in every format, ends with the documented exit
// code, and refuses what makes no sense. Method: the real command line against an echo server on
// loopback, correct or with one fault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ctl/base/interrupt.h"
#include "tests/unit/ctl/engine/load_echo_server.h"
#include "tests/unit/ctl/load/load_cli.h"

namespace echogw::ctl::load {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

LoadCliResult Bench(std::vector<std::string> arguments, Interrupt* interrupt = nullptr) {
  arguments.insert(arguments.begin(), "bench");
  return RunLoadCli(arguments, interrupt);
}

TEST(LoadBenchTest, TableOfACleanRun) {
  const LoadEchoServer server;
  const LoadCliResult run = Bench({server.address(), "-c", "3", "--messages", "90", "-s", "1KiB"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_THAT(run.out, HasSubstr("Target      " + server.address() + "\n"));
  EXPECT_THAT(run.out, HasSubstr("3 connections, 1024-byte messages, depth 1, 1 thread\n"));
  EXPECT_THAT(run.out, HasSubstr("Messages    90, "));
  EXPECT_THAT(run.out, HasSubstr("Verified    90.0 KiB, 0 wrong bytes\n"));
  EXPECT_THAT(run.out, HasSubstr("Errors      0\n"));
  EXPECT_THAT(run.out, HasSubstr("P99.9"));
  EXPECT_THAT(run.out, Not(HasSubstr("Unfinished")));
}

TEST(LoadBenchTest, JsonHasTheFigures) {
  const LoadEchoServer server;
  const LoadCliResult run = Bench({server.address(), "-c", "2", "--messages", "10", "-o", "json"});
  EXPECT_EQ(run.code, 0) << run.err;
  for (const char* field :
       {"\"mode\": \"stream\"", "\"connections\": 2", "\"message_bytes\": 64", "\"messages\": 10",
        "\"connects\": 2", "\"verified_bytes\": 640", "\"wrong_bytes\": 0", "\"total\": 0",
        "\"p99_9_nanoseconds\": ", "\"client_cpu_nanoseconds_per_message\": "}) {
    EXPECT_THAT(run.out, HasSubstr(field));
  }
}

TEST(LoadBenchTest, YamlOfChurnAtARate) {
  const LoadEchoServer server;
  const LoadCliResult run = Bench(
      {server.address(), "--churn", "-c", "2", "--rate", "1000", "--messages", "20", "-o", "yaml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("mode: \"churn\"\n"));
  EXPECT_THAT(run.out, HasSubstr("\nconnects: 20\n"));
  EXPECT_THAT(run.out, HasSubstr("\nrate_wanted: 1000\n"));
  EXPECT_EQ(server.accepted(), 20u);
}

TEST(LoadBenchTest, WrongBytesAreExitCode1AndNamed) {
  const LoadEchoServer server({.fault = EchoFault::kFlipByte, .at = 100, .connection = 0});
  const LoadCliResult run = Bench({server.address(), "-c", "1", "--messages", "10"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("  wrong-bytes: 1\n"));
  EXPECT_THAT(run.out, HasSubstr("connection 0, local port "));
  EXPECT_THAT(run.out, HasSubstr("offset 100: expected 0x"));
}

TEST(LoadBenchTest, EachFaultIsExitCode1) {
  for (const EchoFault fault : {EchoFault::kReset, EchoFault::kClose, EchoFault::kMute}) {
    const LoadEchoServer server({.fault = fault, .at = 100, .connection = 0});
    const LoadCliResult run =
        Bench({server.address(), "-c", "1", "--messages", "10", "--stall-timeout", "50ms"});
    EXPECT_EQ(run.code, 1) << run.out;
    EXPECT_THAT(run.out, HasSubstr("Errors      1\n"));
  }
}

TEST(LoadBenchTest, NoEndpointIsExitCode3) {
  std::string address;
  {
    const LoadEchoServer server;
    address = server.address();
  }
  for (const char* mode : {"--progress", "--churn"}) {
    const LoadCliResult run = Bench({address, mode, "-d", "60s"});
    EXPECT_EQ(run.code, 3);
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err, "echogwctl: cannot connect to " + address +
                           ": connect ECONNREFUSED; is the endpoint up?\n");
  }
}

TEST(LoadBenchTest, UsageErrorsAreExitCode2) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"127.0.0.1"}, "HOST:PORT"},
      {{"localhost"}, "localhost"},
      {{}, "address"},
      {{"127.0.0.1:1", "-s", "0"}, "out of range"},
      {{"127.0.0.1:1", "-s", "2GiB"}, "out of range"},
      {{"127.0.0.1:1", "-c", "0"}, "out of range"},
      {{"127.0.0.1:1", "-d", "10"}, "unit"},
      {{"127.0.0.1:1", "-t", "3", "-c", "2"}, "--threads"},
      {{"127.0.0.1:1", "--churn", "-p", "2"}, "--depth"},
      {{"127.0.0.1:1", "-c", "10000", "-p", "100000"}, "--depth"},
      {{"127.0.0.1:1", "--cpu", "x"}, "list of CPUs"},
      {{"127.0.0.1:1", "--cpu", "9999"}, "CPU 9999"},
      {{"192.0.2.1:1", "--source-addresses", "2"}, "127.0.0.0/8"},
  };
  for (const auto& [arguments, expected] : cases) {
    const LoadCliResult run = Bench(arguments);
    EXPECT_EQ(run.code, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr(expected));
    EXPECT_EQ(run.out, "");
  }
}

TEST(LoadBenchTest, TooManyConnectionsForTheFileLimitAreRefused) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max > 9'000'000) GTEST_SKIP() << "they would fit here";
  const LoadCliResult run = Bench({"127.0.0.1:1", "-c", "9000000"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("hard limit"));
}

TEST(LoadBenchTest, AnInterruptEndsItWithAReport) {
  const LoadEchoServer server;
  Interrupt interrupt;
  // Until the guard is armed a trigger does nothing.
  std::thread trigger([&] {
    while (server.accepted() < 2 || !interrupt.Trigger()) std::this_thread::yield();
  });
  const LoadCliResult run = Bench({server.address(), "-c", "2", "-d", "10m"}, &interrupt);
  trigger.join();
  EXPECT_EQ(run.code, 4) << run.err;
  EXPECT_THAT(run.out, HasSubstr("(interrupted)"));
}

TEST(LoadBenchTest, ProgressGoesToTheErrorStream) {
  const LoadEchoServer server;
  const LoadCliResult run =
      Bench({server.address(), "-c", "2", "-d", "1100ms", "-r", "100", "--progress"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, MatchesRegex("( +[0-9]+s  [0-9.k]+ messages/s  [0-9.k]+ connects/s  2 open  "
                                    "0 errors\n)+"));
}

}  // namespace
}  // namespace echogw::ctl::load
