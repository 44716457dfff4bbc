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

// At most 1 MiB. Errors name the file as `name`. With `wait` it may be a pipe, whose writer is
// waited for; else only a regular file is read, as one that is read again must be.
[[nodiscard]] absl::StatusOr<SmallFile> ReadSmallFile(const std::string& path,
                                                      const std::string& name, bool wait = false);

}  // namespace echogw::server
