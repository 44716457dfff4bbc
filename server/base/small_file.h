// Files of configuration, secrets and certificates, read whole. Any thread; blocks.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace echogw::server {

struct SmallFile {
  std::string text;
  mode_t mode = 0;
};

// At most 1 MiB. Errors name the file as `name`. A pipe that nobody writes to is empty, or is
// waited for with `wait`.
[[nodiscard]] absl::StatusOr<SmallFile> ReadSmallFile(const std::string& path,
                                                      const std::string& name, bool wait = false);

}  // namespace echogw::server
