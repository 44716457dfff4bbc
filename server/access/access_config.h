// The configuration keys about who may call the admin port, and what does not go together. Pure
// functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/config.h"
#include "server/config/config_keys.h"

namespace echogw::server {

[[nodiscard]] std::vector<ConfigKey> AdminAccessKeys();

// Refuses keys that lack others, and an admin port that strangers reach without TLS or without
// being asked who they are. The message is one line that says what to do.
[[nodiscard]] absl::Status CheckAdminAccess(const Config& config);

// What the operator should know of a configuration that was not refused; empty: nothing.
[[nodiscard]] std::vector<std::string> AdminAccessWarnings(const Config& config);

}  // namespace echogw::server
