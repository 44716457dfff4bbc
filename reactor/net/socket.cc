#include "reactor/net/socket.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reactor/net/socket_setup.h"
#include "reactor/net/unix_listener.h"

namespace echogw {
namespace {

ListenAddress FromKernel(const SocketAddress& from, bool dual_stack) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ListenAddress out;
  if (from.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from.storage, sizeof(v4));
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    out.port = ntohs(v4.sin_port);
  } else if (from.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &from.storage, sizeof(v6));
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    out.port = ntohs(v6.sin6_port);
    out.dual_stack = dual_stack;
  }
  out.host = text.data();
  return out;
}

absl::StatusOr<UniqueFd> MakeSocket(const SocketAddress& to, const ListenAddress& address) {
  UniqueFd fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("socket for ", address.ToString()));
  }
  if (auto s = SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"); !s.ok()) return s;
  if (to.family() == AF_INET6) {
    const int only = address.dual_stack ? 0 : 1;
    if (auto s = SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, only, "IPV6_V6ONLY"); !s.ok()) {
      return s;
    }
  }
  return fd;
}

absl::Status BindTo(int fd, const SocketAddress& to, const ListenAddress& address) {
  if (::bind(fd, to.get(), to.length) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("bind ", address.ToString()));
}

}  // namespace

std::string ListenAddress::ToString() const {
  if (is_unix()) return absl::StrCat("unix:", unix_path);
  if (host.find(':') == std::string::npos) return absl::StrCat(host, ":", port);
  return absl::StrCat("[", host, "]:", port);
}

std::string ListenAddress::Spec() const {
  return service.plain() ? ToString() : absl::StrCat(service.ToString(), "@", ToString());
}

absl::StatusOr<SocketAddress> ParseAddress(const ListenAddress& address) {
  SocketAddress out;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  // An IPv4-mapped IPv6 address is served as IPv4: IPV6_V6ONLY excludes it.
  constexpr char kMapped[] = "::ffff:";
  const bool mapped = absl::StartsWithIgnoreCase(address.host, kMapped);
  const char* host = address.host.c_str() + (mapped ? sizeof(kMapped) - 1 : 0);
  if (::inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    out.length = sizeof(v4);
    std::memcpy(&out.storage, &v4, sizeof(v4));
    return out;
  }
  if (::inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    out.length = sizeof(v6);
    std::memcpy(&out.storage, &v6, sizeof(v6));
    return out;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", address.host, "' is not a numeric IPv4 or IPv6 address"));
}

absl::Status SetOption(int fd, int level, int name, int value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, what);
}

std::vector<std::string> BufferWarnings(const ListenOptions& options) {
  struct Buffer {
    const char* key;
    int bytes;
    int option;
    const char* limit;
  };
  std::vector<std::string> out;
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (const Buffer& b :
       {Buffer{"rcvbuf", options.receive_buffer_bytes, SO_RCVBUF, "net.core.rmem_max"},
        Buffer{"sndbuf", options.send_buffer_bytes, SO_SNDBUF, "net.core.wmem_max"}}) {
    int got = 0;
    socklen_t length = sizeof(got);
    if (b.bytes == 0 || !SetOption(fd.get(), SOL_SOCKET, b.option, b.bytes, b.key).ok() ||
        ::getsockopt(fd.get(), SOL_SOCKET, b.option, &got, &length) != 0) {
      continue;
    }
    // The kernel doubles it, for its own use.
    if (got / 2 >= b.bytes) continue;
    out.push_back(absl::StrCat(b.key, ": sockets get ", got / 2, " of ", b.bytes,
                               " bytes, the kernel's maximum; raise it with sysctl ", b.limit));
  }
  return out;
}

absl::Status SetBuffers(int fd, int receive_bytes, int send_bytes) {
  absl::Status s;
  if (receive_bytes > 0) s = SetOption(fd, SOL_SOCKET, SO_RCVBUF, receive_bytes, "SO_RCVBUF");
  if (s.ok() && send_bytes > 0) {
    s = SetOption(fd, SOL_SOCKET, SO_SNDBUF, send_bytes, "SO_SNDBUF");
  }
  return s;
}

namespace {

// The smaller of the kernel's value and `most`.
absl::Status SetAtMost(int fd, int name, int most, const char* what) {
  int value = 0;
  socklen_t length = sizeof(value);
  if (::getsockopt(fd, IPPROTO_TCP, name, &value, &length) == 0 && value <= most) {
    return absl::OkStatus();
  }
  return SetOption(fd, IPPROTO_TCP, name, most, what);
}

absl::Status SetKeepalive(int fd, std::chrono::nanoseconds idle) {
  constexpr int kInterval = 15;  // seconds
  constexpr int kProbes = 4;
  if (idle.count() == 0) return absl::OkStatus();
  const auto seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(idle).count());
  absl::Status s = SetAtMost(fd, TCP_KEEPIDLE, seconds, "TCP_KEEPIDLE");
  if (s.ok()) s = SetAtMost(fd, TCP_KEEPINTVL, std::min(kInterval, seconds), "TCP_KEEPINTVL");
  if (s.ok()) s = SetAtMost(fd, TCP_KEEPCNT, kProbes, "TCP_KEEPCNT");
  if (s.ok()) s = SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
  return s;
}

}  // namespace

absl::Status SetInheritedOptions(int fd, const ListenOptions& options) {
  // Urgent bytes are echoed in their place; otherwise they would be missing from what is read.
  absl::Status s = SetOption(fd, SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE");
  if (s.ok() && options.tcp_nodelay) s = SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  if (s.ok()) s = SetKeepalive(fd, options.keepalive);
  if (s.ok()) s = SetBuffers(fd, options.receive_buffer_bytes, options.send_buffer_bytes);
  return s;
}

absl::StatusOr<UniqueFd> BindListener(const ListenAddress& address, const ListenOptions& options) {
  if (address.is_unix()) return BindUnixListener(address.unix_path, options.unix_mode);
  auto to = ParseAddress(address);
  if (!to.ok()) return to.status();
  auto fd = MakeSocket(*to, address);
  if (!fd.ok()) return fd.status();
  absl::Status s =
      SetOption(fd->get(), SOL_SOCKET, SO_REUSEPORT, options.reuse_port ? 1 : 0, "SO_REUSEPORT");
  if (s.ok()) s = SetInheritedOptions(fd->get(), options);
  if (s.ok()) s = BindTo(fd->get(), *to, address);
  if (!s.ok()) return s;
  return fd;
}

absl::Status Listen(int fd, const ListenOptions& options, const ListenAddress& address) {
  if (::listen(fd, options.backlog) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("listen ", address.ToString()));
}

absl::Status CheckPortIsFree(const ListenAddress& address) {
  if (address.is_unix() || address.port == 0) return absl::OkStatus();
  auto to = ParseAddress(address);
  if (!to.ok()) return to.status();
  auto fd = MakeSocket(*to, address);
  if (!fd.ok()) return fd.status();
  if (::bind(fd->get(), to->get(), to->length) == 0) return absl::OkStatus();
  if (errno == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat(address.ToString(), " is in use by another socket"));
  }
  const bool foreign = errno == EADDRNOTAVAIL;
  const absl::Status status = absl::ErrnoToStatus(errno, absl::StrCat("bind ", address.ToString()));
  // ErrnoToStatus maps EADDRNOTAVAIL to AlreadyExists, too.
  return foreign ? absl::InvalidArgumentError(status.message()) : status;
}

absl::StatusOr<ListenAddress> LocalAddress(int fd, bool dual_stack) {
  SocketAddress at;
  at.length = sizeof(at.storage);
  if (::getsockname(fd, at.get(), &at.length) != 0)
    return absl::ErrnoToStatus(errno, "getsockname");
  return FromKernel(at, dual_stack);
}

std::string PeerName(int fd) {
  SocketAddress at;
  at.length = sizeof(at.storage);
  if (::getpeername(fd, at.get(), &at.length) != 0) return "?";
  return FromKernel(at, false).ToString();
}

void SetUrgentInline(int fd) {
  // Fails before Linux 5.15, where unix sockets have no urgent data.
  (void)SetOption(fd, SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE");
}

std::uint64_t OutputQueueOf(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

ListenerQueue ReadListenerQueue(int fd) {
  ListenerQueue out;
  tcp_info info{};
  socklen_t length = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0) {
    out.depth = info.tcpi_unacked;
    out.limit = info.tcpi_sacked;
  }
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  length = sizeof(memory);
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) == 0) {
    out.drops = memory[SK_MEMINFO_DROPS];
  }
  return out;
}

}  // namespace echogw
