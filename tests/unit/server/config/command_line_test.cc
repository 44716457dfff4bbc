// Goal: help, version, printing and usage errors end with the right code and one line; flags reach
// the configuration. Method: argument lists without a process.
#include "server/config/command_line.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/config_keys.h"

namespace echogw::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

CommandLine Parse(std::vector<const char*> arguments, const Environment& environment = {}) {
  arguments.insert(arguments.begin(), "echogw");
  const Machine machine{.affinity = {0, 1}, .cpu_quota = std::nullopt, .has_ipv6 = true};
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(), environment,
                          machine);
}

// The one line of a usage error.
std::string UsageError(const std::vector<const char*>& arguments) {
  const CommandLine result = Parse(arguments);
  EXPECT_EQ(result.exit_code, kExitUsage);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_THAT(result.err, StartsWith("echogw: "));
  return result.err;
}

TEST(CommandLine, NoArgumentsRun) {
  const CommandLine result = Parse({});
  EXPECT_FALSE(result.exit_code.has_value()) << result.err;
  EXPECT_EQ(result.loaded.config.reactors, 2U);
}

TEST(CommandLine, FlagsInBothForms) {
  const CommandLine result =
      Parse({"--listen", "127.0.0.1:1", "--listen=[::1]:2", "--reactors=7", "--steering", "off",
             "--allow-shared-port", "--metrics", "off"});
  ASSERT_FALSE(result.exit_code.has_value()) << result.err;
  const Config& config = result.loaded.config;
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_EQ(config.listen[1].ToString(), "[::1]:2");
  EXPECT_EQ(config.reactors, 7U);
  EXPECT_FALSE(config.steering);
  EXPECT_TRUE(config.allow_shared_port);
  EXPECT_FALSE(config.metrics.has_value());
}

TEST(CommandLine, HelpNamesEveryKeyAndThePrecedence) {
  const CommandLine result = Parse({"--help"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(result.err, "");
  for (const ConfigKey& key : ConfigKeys()) EXPECT_THAT(result.out, HasSubstr("--" + key.name));
  EXPECT_THAT(result.out, HasSubstr("flag, environment, file, default"));
  EXPECT_THAT(result.out, HasSubstr("Examples:"));
  EXPECT_EQ(Parse({"-h"}).out, result.out);
  for (const absl::string_view line : absl::StrSplit(result.out, '\n')) {
    EXPECT_LE(line.size(), 84U) << line;
  }
}

TEST(CommandLine, Version) {
  const CommandLine result = Parse({"--version"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_THAT(result.out, StartsWith("echogw 0."));
}

TEST(CommandLine, PrintConfig) {
  const CommandLine result =
      Parse({"--print-config", "--reactors", "3"}, {{"ECHOGW_TRANSFORM", "upper"}});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_THAT(result.out, HasSubstr("reactors = 3  # --reactors\n"));
  EXPECT_THAT(result.out, HasSubstr("transform = \"upper\"  # ECHOGW_TRANSFORM\n"));
}

TEST(CommandLine, UsageErrors) {
  EXPECT_THAT(UsageError({"--lisen", ":1"}), HasSubstr("'--lisen'; did you mean --listen?"));
  EXPECT_THAT(UsageError({"--what"}), HasSubstr("see echogw --help"));
  EXPECT_THAT(UsageError({"7000"}), HasSubstr("'7000'"));
  EXPECT_THAT(UsageError({"--reactors"}), HasSubstr("--reactors"));
  EXPECT_THAT(UsageError({"--reactors", "1", "--reactors", "2"}), HasSubstr("--reactors"));
  EXPECT_THAT(UsageError({"--reactors", "0"}), HasSubstr("--reactors: '0'"));
  EXPECT_THAT(UsageError({"--reactors="}), HasSubstr("--reactors"));
  EXPECT_THAT(UsageError({"--config", "/no/such.toml"}), HasSubstr("No such file"));
  EXPECT_THAT(UsageError({"--print-config", "--cpus", "x"}), HasSubstr("--cpus"));
}

}  // namespace
}  // namespace echogw::server
