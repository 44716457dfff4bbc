// UDP sockets, and the system calls of their data path behind an interface. Sockets are opened
// before any thread starts, so that every error is a Status that names the address. Any thread.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/net/socket.h"

namespace echogw {

struct UdpOptions {
  int receive_buffer_bytes = 0;  // 0: the kernel's choice
  int send_buffer_bytes = 0;
  // Let the kernel return datagrams of one sender as one read (UDP_GRO), where it can.
  bool coalesce = true;
};

// A bound SO_REUSEPORT socket: it joins the group of its address and receives from now on, with the
// destination address of each datagram. Errors: InvalidArgument for an address that is not numeric,
// else the errno of the call that failed, with the address.
[[nodiscard]] absl::StatusOr<UniqueFd> BindUdp(const ListenAddress& address,
                                               const UdpOptions& options);

// AlreadyExists if another socket has the address, even one of the same user with SO_REUSEPORT,
// whose group we would join silently. Port 0 is always free.
[[nodiscard]] absl::Status CheckUdpPortIsFree(const ListenAddress& address);

// The receive queue of a UDP socket: memory in use and its limit, and the datagrams that the kernel
// dropped, mostly because of that limit (SO_MEMINFO). Zeros if fd is not a socket.
struct UdpQueue {
  std::uint32_t bytes = 0;
  std::uint32_t limit_bytes = 0;
  std::uint64_t drops = 0;
};
[[nodiscard]] UdpQueue ReadUdpQueue(int fd);

// Nothing here allocates, throws or blocks. An interrupted call (EINTR) is retried inside.
class DatagramIo {
 public:
  DatagramIo() = default;
  DatagramIo(const DatagramIo&) = delete;
  DatagramIo& operator=(const DatagramIo&) = delete;
  virtual ~DatagramIo() = default;

  // recvmmsg(2) and sendmmsg(2): the number of messages, at least one, or the negative errno of the
  // first.
  [[nodiscard]] virtual int Receive(int fd, std::span<mmsghdr> into) noexcept = 0;
  [[nodiscard]] virtual int Send(int fd, std::span<mmsghdr> from) noexcept = 0;
};

// The kernel's sockets. One object serves any number of threads.
class KernelDatagramIo final : public DatagramIo {
 public:
  [[nodiscard]] int Receive(int fd, std::span<mmsghdr> into) noexcept override;
  [[nodiscard]] int Send(int fd, std::span<mmsghdr> from) noexcept override;
};

}  // namespace echogw
