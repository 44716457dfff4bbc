// Listening sockets that another process made for this one, as service managers do. They outlive
// this process: while none runs, connections wait in their queues for the next. Any thread.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/net/socket.h"

namespace echogw {

// The descriptor belongs to whoever found it, for the life of the process.
struct InheritedListener {
  int fd = -1;
  ListenAddress address;
  // Whether this process may have more sockets there: a port is shared by sockets of one user only.
  bool joinable = true;
};

// InvalidArgument if `fd` is not a TCP socket of IPv4 or IPv6 that listens and has SO_REUSEPORT:
// reactors beside the first need places in its group.
[[nodiscard]] absl::StatusOr<InheritedListener> InspectListener(int fd);

// A duplicate, set up as BindListener sets up its own, without what an earlier process may have
// left on the socket: a filter, or a program that steers its group.
[[nodiscard]] absl::StatusOr<UniqueFd> AdoptListener(const InheritedListener& listener,
                                                     const ListenOptions& options);

// Leaves nothing of this process on the socket, whose life goes on: see AdoptListener.
void ReleaseListener(int fd);

}  // namespace echogw
