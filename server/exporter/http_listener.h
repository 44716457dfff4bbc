// The listening sockets of the HTTP server. Main thread.
#pragma once

#include <chrono>

#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/net/socket.h"

namespace echogw::server {

// A new one; `address` gets the real port. The kernel ends connections that stay longer than
// `request_limit` after a graceful close.
[[nodiscard]] absl::StatusOr<UniqueFd> OpenListener(ListenAddress& address,
                                                    std::chrono::milliseconds request_limit);

// One that listens already, such as another process's; `address` gets the real port.
[[nodiscard]] absl::StatusOr<UniqueFd> AdoptListener(UniqueFd listener, ListenAddress& address);

}  // namespace echogw::server
