// Merges flags, environment and file into one validated configuration. A key comes from the first
// of flags, environment, file and defaults that has it; lists are not merged. Any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/config/machine.h"

namespace echogw::server {

// The values of one source by key.
using KeyValues = std::map<std::string, std::vector<std::string>>;

// Variables by name; only those that begin with ECHOGW_ matter.
using Environment = std::map<std::string, std::string>;

struct LoadedConfig {
  Config config;
  // Every key, in the order of the table.
  std::vector<Setting> settings;
  // Probable mistakes that are not errors, to be logged.
  std::vector<std::string> warnings;
};

// The ECHOGW_ variables of this process.
[[nodiscard]] Environment ReadEnvironment();

// `config_path` empty: the variable ECHOGW_CONFIG, and if there is none, no file. Errors are
// InvalidArgument and name the flag, the variable, or the file and line.
[[nodiscard]] absl::StatusOr<LoadedConfig> LoadConfig(const KeyValues& flags,
                                                      const Environment& environment,
                                                      const std::string& config_path,
                                                      const Machine& machine);

}  // namespace echogw::server
