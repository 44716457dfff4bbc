#include "reactor/net/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace echogw {
namespace {

using NameCall = int (*)(int, sockaddr*, socklen_t*);

Endpoint Read(int fd, NameCall call) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  Endpoint out;
  if (call(fd, static_cast<sockaddr*>(static_cast<void*>(&storage)), &length) != 0) return out;
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof(v4));
    out.family = AF_INET;
    out.port = ntohs(v4.sin_port);
    std::memcpy(out.address.data(), &v4.sin_addr, 4);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof(v6));
    out = FromIpv6(v6.sin6_addr.s6_addr, ntohs(v6.sin6_port));
    out.scope = v6.sin6_scope_id;
  } else if (storage.ss_family == AF_UNIX) {
    out.family = AF_UNIX;
  }
  return out;
}

}  // namespace

Endpoint FromIpv6(const std::uint8_t* address, std::uint16_t port) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  Endpoint out{.family = AF_INET6, .port = port};
  if (std::equal(kMapped.begin(), kMapped.end(), address)) {
    out.family = AF_INET;
    std::copy_n(address + kMapped.size(), 4, out.address.begin());
  } else {
    std::copy_n(address, out.address.size(), out.address.begin());
  }
  return out;
}

std::string Endpoint::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family == AF_UNIX) {
    std::array<std::uint32_t, 2> ids{};
    std::memcpy(ids.data(), address.data(), sizeof(ids));
    return absl::StrCat("unix:pid=", ids[0], ",uid=", ids[1]);
  }
  if (family == 0 || ::inet_ntop(family, address.data(), text.data(), text.size()) == nullptr) {
    return "?";
  }
  if (family == AF_INET) return absl::StrCat(text.data(), ":", port);
  return absl::StrCat("[", text.data(), "]:", port);
}

Endpoint PeerOf(int fd) {
  Endpoint out = Read(fd, ::getpeername);
  if (out.family != AF_UNIX) return out;
  // Who connected, as it was then.
  ucred who{};
  socklen_t length = sizeof(who);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return {};
  const std::array<std::uint32_t, 2> ids = {static_cast<std::uint32_t>(who.pid), who.uid};
  std::memcpy(out.address.data(), ids.data(), sizeof(ids));
  return out;
}

Endpoint LocalOf(int fd) { return Read(fd, ::getsockname); }

std::string LocalNameOf(int fd) {
  const Endpoint local = LocalOf(fd);
  if (local.family != AF_UNIX) return local.ToString();
  sockaddr_un address{};
  // One byte less, so that the path ends within it.
  socklen_t length = sizeof(address) - 1;
  void* to = &address;
  if (::getsockname(fd, static_cast<sockaddr*>(to), &length) != 0) return "?";
  return absl::StrCat("unix:", address.sun_path);
}

}  // namespace echogw
