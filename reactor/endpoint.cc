#include "reactor/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

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
    return FromIpv6(v6.sin6_addr.s6_addr, ntohs(v6.sin6_port));
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
  if (family == 0 || ::inet_ntop(family, address.data(), text.data(), text.size()) == nullptr) {
    return "?";
  }
  if (family == AF_INET) return absl::StrCat(text.data(), ":", port);
  return absl::StrCat("[", text.data(), "]:", port);
}

Endpoint PeerOf(int fd) { return Read(fd, ::getpeername); }

Endpoint LocalOf(int fd) { return Read(fd, ::getsockname); }

}  // namespace echogw
