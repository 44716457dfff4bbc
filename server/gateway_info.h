// What GetInfo tells: facts that do not change while the gateway runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/base/build_info.h"

namespace echogw::server {

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

}  // namespace echogw::server
