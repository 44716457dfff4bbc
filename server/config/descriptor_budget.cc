#include "server/config/descriptor_budget.h"

#include <sys/resource.h>

#include <algorithm>
#include <climits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

// Standard streams, log file, those of gRPC and the exporter: about 16 in an idle gateway, counted
// in /proc/PID/fd.
constexpr std::uint64_t kProcess = 24;
// Mailbox, poller, and the one connection by which a reactor exceeds the ceiling.
constexpr std::uint64_t kPerReactor = 3;
// Reserved for operators: connections to the admin port and the exporter, more reactors.
constexpr std::uint64_t kReserveMin = 16;
constexpr std::uint64_t kReserveMax = 128;
constexpr std::uint64_t kReserveShare = 8;

}  // namespace

absl::StatusOr<DescriptorBudget> SplitDescriptors(std::uint64_t limit, const DescriptorNeed& need) {
  const std::uint64_t fixed =
      kProcess + std::uint64_t{need.reactors} * (kPerReactor + need.listen_addresses);
  const std::uint64_t least = kReserveMin + need.reactors;
  if (limit <= fixed + least) {
    return absl::ResourceExhaustedError(absl::StrCat(
        need.reactors, " reactors on ", need.listen_addresses, " addresses need at least ",
        fixed + least + 1, " open files, and the limit is ", limit,
        "; raise it (ulimit -n, LimitNOFILE=, --ulimit nofile=) or use fewer reactors"));
  }
  const std::uint64_t wanted =
      std::clamp(limit / kReserveShare, kReserveMin, kReserveMax) + need.reactors;
  const std::uint64_t reserve = std::max(least, std::min(wanted, (limit - fixed) / 2));
  return DescriptorBudget{
      .ceiling = static_cast<int>(std::min<std::uint64_t>(limit - reserve, INT_MAX)),
      .admin_connections = static_cast<std::size_t>(reserve - need.reactors) / 2,
      .exporter_connections = static_cast<std::size_t>(reserve - need.reactors) / 4};
}

absl::StatusOr<DescriptorBudget> BudgetDescriptors(const DescriptorNeed& need) {
  rlimit limit{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
    const rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = soft;
  }
  return SplitDescriptors(limit.rlim_cur, need);
}

}  // namespace echogw::server
