// Checks of the configuration of the admin port. Pure functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/config.h"

namespace echogw::server {

// Refuses keys that lack others, and an admin port that strangers reach without TLS or without
// being asked who they are. The message is one line that says what to do.
[[nodiscard]] absl::Status CheckAdminAccess(const Config& config);

// What the operator should know of a configuration that was not refused; empty: nothing.
[[nodiscard]] std::vector<std::string> AdminAccessWarnings(const Config& config);

}  // namespace echogw::server
