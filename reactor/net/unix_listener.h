// A listening unix socket, shared by all reactors: unix sockets have no SO_REUSEPORT, so one
// reactor accepts and assigns the connections round robin (AssignConnections). Any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"

namespace echogw {

// Binds `path` and sets the mode of the file; does not listen yet. An existing socket is replaced:
// the caller owns the path. Errors name the path.
[[nodiscard]] absl::StatusOr<UniqueFd> BindUnixListener(const std::string& path, unsigned mode);

}  // namespace echogw
