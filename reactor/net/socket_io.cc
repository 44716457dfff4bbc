#include "reactor/net/socket_io.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace echogw {
namespace {

// The C library's recv and send are cancellation points: in a process with threads each
// call is wrapped in two locked instructions. No thread of ours is ever cancelled.
ssize_t Receive(int fd, void* into, std::size_t bytes) {
#ifdef SYS_recvfrom
  return ::syscall(SYS_recvfrom, fd, into, bytes, 0, nullptr, nullptr);
#else
  return ::recv(fd, into, bytes, 0);
#endif
}

ssize_t Send(int fd, const void* from, std::size_t bytes) {
#ifdef SYS_sendto
  return ::syscall(SYS_sendto, fd, from, bytes, MSG_NOSIGNAL, nullptr, 0);
#else
  return ::send(fd, from, bytes, MSG_NOSIGNAL);
#endif
}

IoResult Failure(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return {IoStatus::kWouldBlock, 0, 0};
  return {IoStatus::kError, 0, error};
}

}  // namespace

IoResult KernelSocketIo::Read(int fd, std::span<std::byte>& buffer) noexcept {
  for (;;) {
    const ssize_t n = Receive(fd, buffer.data(), buffer.size());
    if (n > 0) [[likely]]
      return {IoStatus::kOk, static_cast<std::size_t>(n), 0};
    if (n == 0) return {IoStatus::kEof, 0, 0};
    if (errno != EINTR) return Failure(errno);
  }
}

IoResult KernelSocketIo::Write(int fd, std::span<const std::byte> from) noexcept {
  for (;;) {
    const ssize_t n = Send(fd, from.data(), from.size());
    if (n >= 0) [[likely]]
      return {IoStatus::kOk, static_cast<std::size_t>(n), 0};
    if (errno != EINTR) return Failure(errno);
  }
}

AcceptResult KernelSocketIo::Accept(int listener) noexcept {
  if (budget_ != nullptr && !budget_->HasRoom(listener)) [[unlikely]]
    return -EMFILE;
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == EINTR) continue;
    if (fd < 0) return -errno;
    if (budget_ != nullptr) budget_->Note(fd);
    return fd;
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
