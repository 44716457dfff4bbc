// Goal: whatever the arguments of echogw are, it runs, prints what was asked for and ends with 0,
// or says in one line what is wrong and ends with 2. Method: see argument_list.h; nothing is
// started.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reactor/base/check.h"
#include "server/config/command_line.h"
#include "server/config/config_keys.h"
#include "tests/fuzz/argument_list.h"

namespace echogw::server {
namespace {

std::vector<std::string> Words() {
  std::vector<std::string> words = {"--print-config", "--help", "--version", "-h", "--", "-"};
  for (const ConfigKey& key : ConfigKeys()) words.push_back("--" + key.name);
  for (const ConfigKey& key : ConfigKeys()) words.push_back("--" + key.name + "=");
  return words;
}

void Judge(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {"echogw"};
  for (const std::string& each : arguments) {
    // Whatever a file of this machine holds is for config_fuzz.cc.
    if (each.starts_with("--config")) return;
    argv.push_back(each.c_str());
  }
  const CommandLine result =
      ParseCommandLine(static_cast<int>(argv.size()), argv.data(), {},
                       Machine{.affinity = {0, 1}, .cpu_quota = std::nullopt, .has_ipv6 = true});
  if (!result.exit_code) {
    CHECK(result.out.empty() && result.err.empty());
    CHECK(!result.loaded.settings.empty());
    return;
  }
  if (*result.exit_code == kExitOk) {
    CHECK(!result.out.empty() && result.err.empty());
    return;
  }
  CHECK(*result.exit_code == kExitUsage);
  CHECK(result.out.empty());
  CHECK(result.err.starts_with("echogw: ") && result.err.size() > sizeof("echogw: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1 && result.err.back() == '\n');
}

}  // namespace
}  // namespace echogw::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> words = echogw::server::Words();
  echogw::server::Judge(echogw::ArgumentsFrom(data, size, words));
  return 0;
}
