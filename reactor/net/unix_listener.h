// A listening unix socket, which all reactors share: there is no SO_REUSEPORT for these, so one
// reactor accepts assigns the connections round robin (AssignConnections). Any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"

namespace echogw {

// Binds `path` and gives the file `mode`; does not listen yet. A socket that is there already is
// replaced: whoever calls this holds the right to the path. Errors name the path.
[[nodiscard]] absl::StatusOr<UniqueFd> BindUnixListener(const std::string& path, unsigned mode);

}  // namespace echogw
