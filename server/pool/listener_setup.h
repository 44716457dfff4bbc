// Single sockets of a pool, for ListenerGroup and ReactorSet. Any thread.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/net/socket.h"
#include "reactor/options.h"

namespace echogw::server {

// ResourceExhausted if select() cannot watch the descriptor.
[[nodiscard]] absl::Status CheckWatchable(PollerKind poller, int fd);

// Replaces port 0 by the port that the kernel chose.
[[nodiscard]] absl::Status ReadPort(const UniqueFd& fd, ListenAddress& address);

[[nodiscard]] absl::StatusOr<UniqueFd> Duplicate(const UniqueFd& fd);

// Gives a listener of another configuration these options: what connections inherit, the backlog,
// the mode of the file of a unix socket.
[[nodiscard]] absl::Status ApplyListenOptions(int fd, const ListenAddress& address,
                                              const ListenOptions& options);

}  // namespace echogw::server
