#include "reactor/net/udp_socket.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "reactor/net/socket_setup.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace echogw {
namespace {

absl::StatusOr<UniqueFd> MakeUdpSocket(const SocketAddress& to, const ListenAddress& address) {
  // No SO_REUSEADDR: for UDP it lets others take the address.
  UniqueFd fd(::socket(to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("UDP socket for ", address.ToString()));
  }
  if (to.family() == AF_INET6) {
    const int only = address.dual_stack ? 0 : 1;
    if (auto s = SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, only, "IPV6_V6ONLY"); !s.ok()) {
      return s;
    }
  }
  return fd;
}

absl::Status BindError(const ListenAddress& address) {
  return absl::ErrnoToStatus(errno, absl::StrCat("bind UDP ", address.ToString()));
}

// An answer must come from the address that the client sent to, which may be one of several.
absl::Status AskForDestination(int fd, const SocketAddress& to, const ListenAddress& address) {
  absl::Status s;
  if (to.family() == AF_INET6) {
    s = SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
    // An answer may come from an address that is local by a route and on no interface.
    (void)SetOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1, "IPV6_FREEBIND");
  }
  if (s.ok() && (to.family() == AF_INET || address.dual_stack)) {
    s = SetOption(fd, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
  }
  return s;
}

}  // namespace

absl::StatusOr<UniqueFd> BindUdp(const ListenAddress& address, const UdpOptions& options) {
  auto to = ParseAddress(address);
  if (!to.ok()) return to.status();
  auto fd = MakeUdpSocket(*to, address);
  if (!fd.ok()) return fd.status();
  absl::Status s = SetOption(fd->get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (s.ok()) s = SetBuffers(fd->get(), options.receive_buffer_bytes, options.send_buffer_bytes);
  if (s.ok()) s = AskForDestination(fd->get(), *to, address);
  if (!s.ok()) return s;
  // Before Linux 5.0 datagrams arrive one by one.
  if (options.coalesce) (void)SetOption(fd->get(), IPPROTO_UDP, UDP_GRO, 1, "UDP_GRO");
  if (::bind(fd->get(), to->get(), to->length) != 0) return BindError(address);
  return fd;
}

absl::Status CheckUdpPortIsFree(const ListenAddress& address) {
  if (address.port == 0) return absl::OkStatus();
  auto to = ParseAddress(address);
  if (!to.ok()) return to.status();
  auto fd = MakeUdpSocket(*to, address);
  if (!fd.ok()) return fd.status();
  if (::bind(fd->get(), to->get(), to->length) == 0) return absl::OkStatus();
  if (errno == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat("UDP ", address.ToString(), " is in use by another socket"));
  }
  return BindError(address);
}

UdpQueue ReadUdpQueue(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof(memory);
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) != 0) return {};
  return {.bytes = memory[SK_MEMINFO_RMEM_ALLOC],
          .limit_bytes = memory[SK_MEMINFO_RCVBUF],
          .drops = memory[SK_MEMINFO_DROPS]};
}

// The calls themselves, as in socket_io.cc: the C library's are cancellation points.

int KernelDatagramIo::Receive(int fd, std::span<mmsghdr> into) noexcept {
  for (;;) {
    const long n = ::syscall(SYS_recvmmsg, fd, into.data(), into.size(), 0, nullptr);
    if (n >= 0) return static_cast<int>(n);
    if (errno != EINTR) return -errno;
  }
}

int KernelDatagramIo::Send(int fd, std::span<mmsghdr> from) noexcept {
  for (;;) {
    const long n = ::syscall(SYS_sendmmsg, fd, from.data(), from.size(), MSG_NOSIGNAL);
    if (n >= 0) return static_cast<int>(n);
    if (errno != EINTR) return -errno;
  }
}

}  // namespace echogw
