// Facts about the gateway that do not change while it runs, and the lines that report them. Any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "reactor/base/mutex.h"
#include "server/base/build_info.h"
#include "server/pool/control.h"

namespace echogw::server {

struct LoadedConfig;

struct GatewayInfo {
  BuildInfo build;
  std::chrono::system_clock::time_point start_time;
  std::uint32_t pid = 0;
  std::string poller;
  std::string transform;
  // With the ports in use.
  std::vector<std::string> listen_addresses;
  std::vector<std::string> udp_addresses;
  std::string admin_address;
  std::string metrics_address;  // empty: off
  // The configuration in force by key.
  std::map<std::string, std::string> config;
};

// The information that the admin API gives out: the addresses are known only once all ports are
// open.
class SharedGatewayInfo {
 public:
  [[nodiscard]] GatewayInfo Get() const {
    const MutexLock lock(mutex_);
    return info_;
  }
  void Set(GatewayInfo info) {
    const MutexLock lock(mutex_);
    info_ = std::move(info);
  }

 private:
  mutable Mutex mutex_;
  GatewayInfo info_ ECHOGW_GUARDED_BY(mutex_);
};

// All but the addresses and the start time.
[[nodiscard]] GatewayInfo DescribeConfig(const LoadedConfig& loaded);

// For standard output: "listening on ..." for each address, then "udp on ...", "admin on ...",
// "metrics on ..." and "ready".
[[nodiscard]] std::string Announcement(const GatewayInfo& info);

// For the log: version, reactors, CPUs, poller, descriptors and addresses.
[[nodiscard]] std::string StartLine(const GatewayInfo& info, const LoadedConfig& loaded,
                                    const GatewayStats& stats);

// For the service manager.
[[nodiscard]] std::string StatusLine(const GatewayInfo& info, GatewayState state);

}  // namespace echogw::server
