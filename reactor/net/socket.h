// Listening sockets, opened before any thread starts, so that every error is a Status that names
// the address. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/service.h"

namespace echogw {

// A numeric address to listen on, or a unix socket. `host` is an IPv4 or IPv6 address without
// brackets.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;   // 0: the kernel chooses
  bool dual_stack = false;  // for "::" only: IPv4 clients are served as well
  Service service;
  std::string unix_path = {};  // if not empty, this alone is the address
  // For port 0: take the port that the kernel chose for the address before this one.
  bool takes_last_port = false;

  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }

  // "1.2.3.4:7000", "[::1]:7000" or "unix:/run/echo.sock".
  [[nodiscard]] std::string ToString() const;
  // The same, behind the words of its service: "discard@1.2.3.4:7009".
  [[nodiscard]] std::string Spec() const;
};

struct ListenOptions {
  // The kernel caps it at net.core.somaxconn, 4096 since Linux 5.4.
  int backlog = 4096;
  // Accepted connections inherit these from their listener, so they cost nothing per connection.
  bool tcp_nodelay = true;
  bool reuse_port = true;        // more sockets of the same user may have the address
  int receive_buffer_bytes = 0;  // 0: the kernel's choice
  int send_buffer_bytes = 0;
  // How long a client may be silent before the kernel asks whether it is still there: after four
  // probes without an answer, 15 s apart, the connection ends. Where the kernel's own times (sysctl
  // net.ipv4.tcp_keepalive_*) are shorter, they hold. 0: never. NAT devices and load balancers keep
  // silent connections for 4 minutes or more.
  std::chrono::nanoseconds keepalive = std::chrono::minutes(2);
  // Of the file of a unix socket: write permission allows to connect.
  unsigned unix_mode = 0666;
};

// One sentence for each buffer that the kernel makes smaller than `options` asks for, with what to
// change.
[[nodiscard]] std::vector<std::string> BufferWarnings(const ListenOptions& options);

// A bound socket that does not listen yet. Errors: InvalidArgument for an address that
// is not numeric, else the errno of the call that failed, with the address.
[[nodiscard]] absl::StatusOr<UniqueFd> BindListener(const ListenAddress& address,
                                                    const ListenOptions& options);

// Takes the next place in the reuseport group of the address (socket(7): sockets are numbered in
// the order of their listen() calls).
[[nodiscard]] absl::Status Listen(int fd, const ListenOptions& options,
                                  const ListenAddress& address);

// AlreadyExists if another socket listens on the address, even one of the same user with
// SO_REUSEPORT, whose group we would join silently. Port 0 is always free.
[[nodiscard]] absl::Status CheckPortIsFree(const ListenAddress& address);

// The address that a socket is bound to, with its real port.
[[nodiscard]] absl::StatusOr<ListenAddress> LocalAddress(int fd, bool dual_stack);

// The peer of a connection as text, for logs; "?" when it is gone.
[[nodiscard]] std::string PeerName(int fd);

// Urgent bytes are read in their place, like all others.
void SetUrgentInline(int fd);

// What was sent and not taken by the peer yet (SIOCOUTQ): of TCP in bytes, with a FIN as one; of a
// unix socket in memory. 0 if it could not be read.
[[nodiscard]] std::uint64_t OutputQueueOf(int fd);

// The accept queue of a listening socket: its depth and limit, and what was dropped at the socket
// for any reason (TCP_INFO and SO_MEMINFO). Zeros if fd is not a listener.
struct ListenerQueue {
  std::uint32_t depth = 0;
  std::uint32_t limit = 0;
  std::uint64_t drops = 0;
};
[[nodiscard]] ListenerQueue ReadListenerQueue(int fd);

}  // namespace echogw
