// Goal: a successor is started as this process was, with its own channel and configuration.
#include "server/handover/process_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "server/handover/protocol.h"

namespace echogw::server {
namespace {

using testing::Contains;
using testing::ElementsAre;

TEST(ProcessStartTest, ArgumentsArePassedOnWithANewChannel) {
  const ProcessStart start{.binary = "/usr/bin/echogw",
                           .arguments = {"echogw", "--listen", ":7000", "--takeover-fd", "3"}};
  EXPECT_THAT(start.ArgumentsFor({}, 9),
              ElementsAre("echogw", "--listen", ":7000", "--takeover-fd", "9"));
}

TEST(ProcessStartTest, AnotherConfigurationTakesThePlaceOfTheFirst) {
  for (const std::vector<std::string>& config :
       {std::vector<std::string>{"--config", "/a"}, std::vector<std::string>{"--config=/a"}, {}}) {
    ProcessStart start{.arguments = {"echogw"}};
    start.arguments.insert(start.arguments.end(), config.begin(), config.end());
    start.arguments.emplace_back("--reactors=2");
    EXPECT_THAT(start.ArgumentsFor({.config = "/b"}, 3),
                ElementsAre("echogw", "--reactors=2", "--config", "/b", "--takeover-fd", "3"));
  }
}

TEST(ProcessStartTest, TheBinaryIsTheOneAskedFor) {
  const ProcessStart start{.binary = "/usr/bin/echogw"};
  EXPECT_EQ(start.BinaryFor({}), "/usr/bin/echogw");
  EXPECT_EQ(start.BinaryFor({.binary = "/opt/echogw"}), "/opt/echogw");
  EXPECT_EQ(start.BinaryFor({.same_binary = true}), "/proc/self/exe");
  const char* const argv[] = {"echogw", "--reactors", "2"};
  EXPECT_EQ(ProcessStart::Read(3, argv).binary[0], '/');
  EXPECT_THAT(ProcessStart::Read(3, argv).arguments, ElementsAre("echogw", "--reactors", "2"));
}

TEST(ProcessStartTest, VariablesThatNameThisProcessAreNotPassedOn) {
  ::setenv("LISTEN_FDS", "2", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
  const auto environment = ProcessStart::EnvironmentForSuccessor();
  EXPECT_THAT(environment, Contains("NOTIFY_SOCKET=/run/notify"));
  EXPECT_TRUE(std::none_of(environment.begin(), environment.end(), [](const std::string& v) {
    return v.starts_with("LISTEN_") || v.starts_with("WATCHDOG_PID");
  }));
}

TEST(ProcessStartTest, TheChannelIsTheLastArgument) {
  const char* const with[] = {"echogw", "--takeover-fd", "7"};
  EXPECT_EQ(TakeoverFd(3, with), 7);
  const char* const without[] = {"echogw", "--listen", "7"};
  EXPECT_FALSE(TakeoverFd(3, without));
  const char* const wrong[] = {"echogw", "--takeover-fd", "seven"};
  EXPECT_FALSE(TakeoverFd(3, wrong));
  EXPECT_FALSE(TakeoverFd(1, with));
}

}  // namespace
}  // namespace echogw::server
