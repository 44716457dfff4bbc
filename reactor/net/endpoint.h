// One end of a connection, as a value. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace echogw {

// IPv4 in an IPv6 socket is given as IPv4.
struct Endpoint {
  std::uint8_t family = 0;  // AF_INET, AF_INET6, AF_UNIX; 0 when it could not be read
  std::uint16_t port = 0;
  // In network order; 4 bytes for AF_INET. For AF_UNIX: the peer's process and user, 4 bytes each
  // in host order.
  std::array<std::uint8_t, 16> address{};
  // Of a link-local IPv6 address: the interface, which it is unique on; else 0.
  std::uint32_t scope = 0;

  // "1.2.3.4:5", "[::1]:5" or "unix:pid=7,uid=0"; "?" when it could not be read.
  [[nodiscard]] std::string ToString() const;

  bool operator==(const Endpoint&) const = default;
};

// An IPv6 endpoint, or an IPv4 one if the address is IPv4-mapped.
[[nodiscard]] Endpoint FromIpv6(const std::uint8_t* address, std::uint16_t port);

[[nodiscard]] Endpoint PeerOf(int fd);
[[nodiscard]] Endpoint LocalOf(int fd);

// As LocalOf, as text; "unix:PATH" for a unix socket.
[[nodiscard]] std::string LocalNameOf(int fd);

}  // namespace echogw
