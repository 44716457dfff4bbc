#include "server/gateway_info.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reactor/poll/poller.h"
#include "reactor/uring/uring_engine.h"
#include "server/config/config_loader.h"

namespace echogw::server {
namespace {

// The mechanism in use, and whether io_uring would be available if it is another one.
std::string DescribePoller(PollerKind in_use) {
  const char* name = PollerName(in_use);
  if (in_use == PollerKind::kIoUring) return name;
  const absl::Status status = UringEngine::Available();
  return absl::StrCat(name, " (", status.ok() ? "io_uring is available" : status.message(), ")");
}

}  // namespace

GatewayInfo DescribeConfig(const LoadedConfig& loaded) {
  GatewayInfo info;
  info.build = GetBuildInfo();
  info.pid = static_cast<std::uint32_t>(::getpid());
  info.poller = PollerName(loaded.config.reactor.poller);
  info.transform = kTransformNames[static_cast<std::size_t>(loaded.config.reactor.transform)];
  for (const Setting& setting : loaded.settings) {
    info.config[setting.key] = absl::StrJoin(setting.values, ",");
  }
  return info;
}

std::string Announcement(const GatewayInfo& info) {
  std::string out;
  for (const std::string& address : info.listen_addresses) {
    absl::StrAppend(&out, "listening on ", address, "\n");
  }
  for (const std::string& address : info.udp_addresses) {
    absl::StrAppend(&out, "udp on ", address, "\n");
  }
  absl::StrAppend(&out, "admin on ", info.admin_address, "\n");
  if (!info.metrics_address.empty()) {
    const auto cert = info.config.find("metrics-tls-cert");
    const bool tls = cert != info.config.end() && !cert->second.empty();
    absl::StrAppend(&out, "metrics on http", tls ? "s" : "", "://", info.metrics_address,
                    "/metrics\n");
  }
  return absl::StrCat(out, "ready\n");
}

std::string StartLine(const GatewayInfo& info, const LoadedConfig& loaded,
                      const GatewayStats& stats) {
  rlimit limit{};
  static_cast<void>(::getrlimit(RLIMIT_NOFILE, &limit));
  const Config& config = loaded.config;
  const auto reactors =
      std::count_if(stats.reactors.begin(), stats.reactors.end(),
                    [](const ReactorStats& r) { return r.state == ReactorState::kServing; });
  return absl::StrCat(
      VersionLine(), ": ", reactors, " reactors on ",
      config.cpus.empty() ? "any CPU" : absl::StrCat("CPUs ", FormatCpuList(config.cpus)), ", ",
      DescribePoller(config.reactor.poller), ", ", limit.rlim_cur, " descriptors, listening on ",
      absl::StrJoin(info.listen_addresses, " "), info.udp_addresses.empty() ? "" : ", UDP on ",
      absl::StrJoin(info.udp_addresses, " "));
}

std::string StatusLine(const GatewayInfo& info, GatewayState state) {
  if (state != GatewayState::kServing) return absl::StrCat("The gateway is ", Name(state));
  return absl::StrCat("Serving on ", absl::StrJoin(info.listen_addresses, " "), ", admin on ",
                      info.admin_address);
}

}  // namespace echogw::server
