// Where a load goes and comes from: the address of the echo endpoint, the source addresses, and
// the limit of open files. Blocking calls for any thread, used before a load starts.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ctl/base/duration.h"

namespace echogw::ctl::load {

// One numeric address, IPv4 or IPv6, or the path of a unix socket. A value.
struct LoadTarget {
  sockaddr_storage address{};
  socklen_t length = 0;

  [[nodiscard]] int family() const { return address.ss_family; }
  [[nodiscard]] std::uint16_t port() const;  // 0 for a unix socket
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  // "127.0.0.1:7000", "[::1]:7000" or "unix:/run/echo.sock".
  [[nodiscard]] std::string ToString() const;
};

struct HostPort {
  std::string host;
  std::string port;
  std::string unix_path = {};  // if not empty, this alone counts
};

// Takes HOST:PORT, [IPV6]:PORT and unix:PATH; INVALID_ARGUMENT for the rest, with what to type.
[[nodiscard]] absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

// The addresses of a name in the resolver's order, at least one; UNAVAILABLE when nothing is found.
// `type` is SOCK_STREAM or SOCK_DGRAM.
[[nodiscard]] absl::StatusOr<std::vector<LoadTarget>> LookUp(const HostPort& where, int type);

// Looks the name up. Of several addresses ("localhost") the first that accepts a connection, which
// is closed at once, is taken; a single address is not tried. UNAVAILABLE when nothing is found or
// none answers within `timeout`. For SOCK_DGRAM it is the first that answers a datagram, or the
// first of all.
[[nodiscard]] absl::StatusOr<LoadTarget> ResolveEndpoint(const HostPort& where, Duration timeout,
                                                         int type = SOCK_STREAM);

// Tries the targets in order, each as soon as the one before failed or is silent for 250 ms. `type`
// is SOCK_STREAM or SOCK_DGRAM. UNAVAILABLE when none answers.
[[nodiscard]] absl::StatusOr<LoadTarget> FirstToAnswer(const std::vector<LoadTarget>& targets,
                                                       int type, Duration timeout);

// `count` source addresses for connections to `target`: 127.0.0.1, 127.0.0.2 and on. Empty for a
// count of 1, which leaves the choice to the kernel. INVALID_ARGUMENT for more when the target is
// not in 127.0.0.0/8, because no other address of this machine can be assumed.
[[nodiscard]] absl::StatusOr<std::vector<sockaddr_in>> SourceAddresses(const LoadTarget& target,
                                                                       std::size_t count);

// Raises the soft limit of open files to the hard one. RESOURCE_EXHAUSTED, with what to do, when
// `connections` and the few files of the process itself do not fit.
[[nodiscard]] absl::Status RaiseFileLimit(std::uint64_t connections);

// The port that the kernel gave the socket `fd`; 0 when it has none.
[[nodiscard]] std::uint16_t LocalPort(int fd);

}  // namespace echogw::ctl::load
