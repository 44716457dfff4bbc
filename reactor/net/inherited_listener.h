// Listening sockets that another process, such as a service manager, opened for this one. They
// outlive this process: connections wait in their queues for the next one. Any thread.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/net/socket.h"

namespace echogw {

// The descriptor is not owned; it stays open for the life of the process.
struct InheritedListener {
  int fd = -1;
  ListenAddress address;
  // Whether this process may open more sockets there: only sockets of one user share a port.
  bool joinable = true;
};

// InvalidArgument if `fd` is not a listening TCP socket with SO_REUSEPORT, which further reactors
// need in order to join its group.
[[nodiscard]] absl::StatusOr<InheritedListener> InspectListener(int fd);

// A duplicate, set up as by BindListener, without a filter or steering program that an earlier
// process may have left on the socket.
[[nodiscard]] absl::StatusOr<UniqueFd> AdoptListener(const InheritedListener& listener,
                                                     const ListenOptions& options);

// Removes what this process attached to the socket: see AdoptListener.
void ReleaseListener(int fd);

}  // namespace echogw
