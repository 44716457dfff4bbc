// The configuration keys that are addresses, and the conflicts between them. Pure functions; any
// thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/config.h"
#include "server/config/machine.h"

namespace echogw::server {

// As ConfigKey::apply.
[[nodiscard]] absl::Status ApplyListen(const std::vector<std::string>& values,
                                       const Machine& machine, Config& config);
[[nodiscard]] absl::Status ApplyListenUdp(const std::vector<std::string>& values,
                                          const Machine& machine, Config& config);
[[nodiscard]] absl::Status ApplyAdmin(const std::vector<std::string>& values,
                                      const Machine& machine, Config& config);
[[nodiscard]] absl::Status ApplyMetrics(const std::vector<std::string>& values,
                                        const Machine& machine, Config& config);

// Refuses one port for two of data, admin and metrics.
[[nodiscard]] absl::Status CheckPorts(const Config& config);

}  // namespace echogw::server
