// Files of secrets and certificates: read whole, and looked at for changes. Any thread; blocks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace echogw::server {

// Differs whenever the file was replaced or written to.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

struct SmallFile {
  std::string text;
  FileStamp stamp;
  mode_t mode = 0;
};

// At most 1 MiB. Errors name the path.
[[nodiscard]] absl::StatusOr<SmallFile> ReadSmallFile(const std::string& path);

// Unset if there is no such file.
[[nodiscard]] std::optional<FileStamp> StampOf(const std::string& path);

}  // namespace echogw::server
