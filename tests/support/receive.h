// Reading from a blocking socket that gives up: SO_RCVTIMEO has a price, which these pay.
//
// With a time limit the kernel does not take up a recv again that it interrupted (signal(7)), and
// it interrupts one not for signals alone: the end of a ring of io_uring does too.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <string>

namespace echogw {

// What recv(2) returns, other than for an interruption.
inline ssize_t Receive(int fd, void* into, std::size_t size, int flags = 0) {
  ssize_t n = 0;
  do {
    n = ::recv(fd, into, size, flags);
  } while (n < 0 && errno == EINTR);
  return n;
}

// `size` bytes; fewer if the peer ends or the time limit is reached before.
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
