// Resource usage of this process. Any thread. A value that cannot be read is 0.
#pragma once

#include <cstdint>

namespace echogw::server {

struct ProcessUsage {
  std::uint64_t cpu_nanoseconds = 0;  // user and system
  std::uint64_t resident_bytes = 0;
};

struct ProcessStats {
  ProcessUsage usage;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;
  double start_time_seconds = 0;  // since the epoch
};

// Cheap enough for frequent snapshots.
[[nodiscard]] ProcessUsage ReadProcessUsage();

[[nodiscard]] ProcessStats ReadProcessStats();

}  // namespace echogw::server
