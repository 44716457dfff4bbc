// Reads from a blocking socket with SO_RCVTIMEO. With this timeout the kernel does not restart an
// interrupted recv (signal(7)), and not only signals interrupt it: closing an io_uring does too.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <string>

namespace echogw {

// recv(2), repeated after EINTR.
inline ssize_t Receive(int fd, void* into, std::size_t size, int flags = 0) {
  ssize_t n = 0;
  do {
    n = ::recv(fd, into, size, flags);
  } while (n < 0 && errno == EINTR);
  return n;
}

// `size` bytes, or fewer at the end or the timeout.
inline std::string ReceiveExactly(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = Receive(fd, bytes.data() + got, size - got);
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

}  // namespace echogw
