#include "reactor/socket_io.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace echogw {
namespace {

IoResult Failure(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return {IoStatus::kWouldBlock, 0, 0};
  return {IoStatus::kError, 0, error};
}

}  // namespace

IoResult KernelSocketIo::Read(int fd, std::span<std::byte> into) noexcept {
  for (;;) {
    const ssize_t n = ::recv(fd, into.data(), into.size(), 0);
    if (n > 0) [[likely]]
      return {IoStatus::kOk, static_cast<std::size_t>(n), 0};
    if (n == 0) return {IoStatus::kEof, 0, 0};
    if (errno != EINTR) return Failure(errno);
  }
}

IoResult KernelSocketIo::Write(int fd, std::span<const std::byte> from) noexcept {
  for (;;) {
    const ssize_t n = ::send(fd, from.data(), from.size(), MSG_NOSIGNAL);
    if (n >= 0) [[likely]]
      return {IoStatus::kOk, static_cast<std::size_t>(n), 0};
    if (errno != EINTR) return Failure(errno);
  }
}

AcceptResult KernelSocketIo::Accept(int listener) noexcept {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno != EINTR) return -errno;
  }
}

void KernelSocketIo::ShutdownWrite(int fd) noexcept { ::shutdown(fd, SHUT_WR); }

void KernelSocketIo::Close(int fd) noexcept { ::close(fd); }

void KernelSocketIo::Reset(int fd) noexcept {
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  ::close(fd);
}

}  // namespace echogw
