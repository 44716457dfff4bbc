// Checks of the configuration of access to the admin and metrics ports. Pure functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/config.h"

namespace echogw::server {

// Refuses incomplete combinations of keys, and an admin port that other machines reach without TLS
// or authentication. The message is one line that says what to do.
[[nodiscard]] absl::Status CheckAdminAccess(const Config& config);

// Refuses incomplete combinations of keys, and keys without effect.
[[nodiscard]] absl::Status CheckMetricsAccess(const Config& config);

// Warnings about a configuration that is valid; empty: none.
[[nodiscard]] std::vector<std::string> AccessWarnings(const Config& config);

}  // namespace echogw::server
