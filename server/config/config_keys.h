// The table of configuration keys. Flags, environment, file, --help and --print-config are made
// from it; a default is the value of the field in Config(). Constant; any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/config.h"
#include "server/config/machine.h"

namespace echogw::server {

struct ConfigKey {
  // How the file writes it: quoted, as a bare number, as true or false, or as a list.
  enum class Kind { kText, kNumber, kSwitch, kList };

  // Also the flag, with two dashes, and the variable: ECHOGW_LOG_LEVEL for log-level.
  std::string name;
  std::string metavar;
  std::string default_text;
  std::string help;
  Kind kind = Kind::kText;
  // Puts the values, one unless the key is a list, into `config`.
  std::function<absl::Status(const std::vector<std::string>& values, const Machine& machine,
                             Config& config)>
      apply;
  std::string group = "";
};

[[nodiscard]] const std::vector<ConfigKey>& ConfigKeys();

// The key of that name; null if there is none.
[[nodiscard]] const ConfigKey* FindConfigKey(const std::string& name);

// "ECHOGW_LOG_LEVEL" for "log-level".
[[nodiscard]] std::string EnvironmentName(const std::string& key);

}  // namespace echogw::server
