#include "server/config/machine.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "reactor/base/unique_fd.h"
#include "reactor/options.h"

namespace echogw::server {
namespace {

// The kernel refuses a mask smaller than its own (EINVAL), so the mask grows up to this many CPUs.
constexpr int kCpusMax = 1 << 17;

struct CpuSetDeleter {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

std::optional<std::string> FirstLine(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!in || !std::getline(in, line)) return std::nullopt;
  return line;
}

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<double> Quotient(std::optional<double> quota, std::optional<double> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

// cpu.max of version 2: "max 100000" or "150000 100000".
std::optional<double> QuotaV2(const std::string& directory) {
  const auto line = FirstLine(directory + "/cpu.max");
  if (!line) return std::nullopt;
  const std::string_view text = *line;
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  return Quotient(ParseNumber(text.substr(0, space)), ParseNumber(text.substr(space + 1)));
}

// Version 1: a quota of -1 is no limit.
std::optional<double> QuotaV1(const std::string& directory) {
  const auto quota = FirstLine(directory + "/cpu.cfs_quota_us");
  const auto period = FirstLine(directory + "/cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  return Quotient(ParseNumber(*quota), ParseNumber(*period));
}

std::optional<double> Smaller(std::optional<double> a, std::optional<double> b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

// From the group up to the root. In a container the path may be one of the host; levels that do not
// exist here are ignored.
template <typename ReadQuota>
std::optional<double> SmallestUpwards(const std::string& mount, std::string group,
                                      ReadQuota read_quota) {
  std::optional<double> smallest = read_quota(mount);
  while (group.size() > 1) {
    smallest = Smaller(smallest, read_quota(mount + group));
    group.resize(group.rfind('/'));
  }
  return smallest;
}

bool Contains(const std::string& controllers, std::string_view wanted) {
  std::istringstream in(controllers);
  for (std::string name; std::getline(in, name, ',');) {
    if (name == wanted) return true;
  }
  return false;
}

bool CanBind(const in6_addr& host) {
  const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return false;
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  at.sin6_addr = host;
  const void* address = &at;
  return ::bind(fd.get(), static_cast<const sockaddr*>(address), sizeof(at)) == 0;
}

}  // namespace

Machine InspectMachine() {
  Machine machine;
  machine.affinity = ReadAffinity();
  machine.cpu_quota = ReadCpuQuota(CgroupPaths());
  machine.has_ipv6 = CanBind(in6addr_any);
  machine.has_ipv6_loopback = CanBind(in6addr_loopback);
  return machine;
}

std::vector<int> ReadAffinity() {
  std::vector<int> cpus;
  for (int size = 1024; size <= kCpusMax; size *= 2) {
    const std::unique_ptr<cpu_set_t, CpuSetDeleter> set(CPU_ALLOC(static_cast<std::size_t>(size)));
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(size));
    CPU_ZERO_S(bytes, set.get());
    if (::sched_getaffinity(0, bytes, set.get()) != 0) {
      if (errno == EINVAL) continue;
      break;
    }
    for (int cpu = 0; cpu < size; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set.get())) cpus.push_back(cpu);
    }
    break;
  }
  return cpus;
}

std::optional<double> ReadCpuQuota(const CgroupPaths& paths) {
  std::ifstream in(paths.self);
  std::optional<double> smallest;
  // Lines are "ID:CONTROLLERS:PATH"; version 2 has no controllers.
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (group.empty() || group.front() != '/') continue;
    if (controllers.empty()) {
      smallest = Smaller(smallest, SmallestUpwards(paths.root, group, QuotaV2));
      smallest = Smaller(smallest, SmallestUpwards(paths.root + "/unified", group, QuotaV2));
    } else if (Contains(controllers, "cpu")) {
      for (const std::string& name : {controllers, std::string("cpu")}) {
        smallest =
            Smaller(smallest, SmallestUpwards(absl::StrCat(paths.root, "/", name), group, QuotaV1));
      }
    }
  }
  return smallest;
}

std::uint32_t DefaultReactors(const Machine& machine) {
  double count = static_cast<double>(machine.affinity.size());
  if (machine.cpu_quota) count = std::min(count, std::ceil(*machine.cpu_quota));
  return static_cast<std::uint32_t>(std::clamp(count, 1.0, static_cast<double>(kReactorsMax)));
}

std::string FormatCpuList(const std::vector<int>& cpus) {
  std::string out;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    absl::StrAppend(&out, out.empty() ? "" : ",", cpus[i]);
    if (last > i) absl::StrAppend(&out, "-", cpus[last]);
    i = last + 1;
  }
  return out;
}

}  // namespace echogw::server
