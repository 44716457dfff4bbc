// CPUs and protocols that the machine and the container grant this process. Read once at start,
// before any thread is pinned. Any thread. What cannot be read counts as unlimited.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echogw::server {

struct Machine {
  // The CPUs of the affinity mask, ascending; empty if it cannot be read.
  std::vector<int> affinity = {};
  // CPU seconds per second granted by the control group; unset if unlimited.
  std::optional<double> cpu_quota = std::nullopt;
  bool has_ipv6 = true;
  bool has_ipv6_loopback = true;  // ::1 can be bound
};

// Mount points of the control group file systems; tests pass their own.
struct CgroupPaths {
  std::string self = "/proc/self/cgroup";
  std::string root = "/sys/fs/cgroup";
};

[[nodiscard]] Machine InspectMachine();

[[nodiscard]] std::vector<int> ReadAffinity();

// The smallest quota of the process's control group and the groups above it; version 1, version 2
// and both together (hybrid).
[[nodiscard]] std::optional<double> ReadCpuQuota(const CgroupPaths& paths);

// min(CPUs of the mask, the quota rounded up), at least 1 and at most kReactorsMax.
[[nodiscard]] std::uint32_t DefaultReactors(const Machine& machine);

// "0-3,6" for {0, 1, 2, 3, 6}.
[[nodiscard]] std::string FormatCpuList(const std::vector<int>& cpus);

}  // namespace echogw::server
