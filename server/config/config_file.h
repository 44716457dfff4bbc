// The configuration file: TOML, every key at the top level. Any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace echogw::server {

// A key of the file with its values as text, as they would stand in a flag.
struct FileSetting {
  std::string key;
  std::vector<std::string> values;
  std::string source;  // "PATH:LINE"
};

// NotFound, PermissionDenied and the like for a file that cannot be read; InvalidArgument, with
// path and line, for what is not TOML, a key that does not exist, or a value of the wrong type.
[[nodiscard]] absl::StatusOr<std::vector<FileSetting>> ReadConfigFile(const std::string& path);

// As above for text at hand; `path` is for messages.
[[nodiscard]] absl::StatusOr<std::vector<FileSetting>> ParseConfigText(const std::string& text,
                                                                       const std::string& path);

// The settings in the format of the file, each with its source as a comment.
[[nodiscard]] std::string FormatConfig(const std::vector<Setting>& settings);

}  // namespace echogw::server
