// The command line of echogw: what to print, or the configuration to run with. Pure: it neither
// prints nor exits. Main thread, before any other starts.
#pragma once

#include <optional>
#include <string>

#include "server/config/config_loader.h"
#include "server/config/machine.h"

namespace echogw::server {

// Exit codes of echogw, also in --help.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

struct CommandLine {
  // Set: print `out` and `err` and end with it. Unset: run with `loaded`.
  std::optional<int> exit_code;
  std::string out;
  std::string err;
  LoadedConfig loaded;
};

[[nodiscard]] CommandLine ParseCommandLine(int argc, const char* const* argv,
                                           const Environment& environment, const Machine& machine);

}  // namespace echogw::server
