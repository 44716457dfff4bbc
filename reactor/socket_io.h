// The system calls of the data path behind a seam, so that tests can script partial reads, resets
// and exhausted descriptors. One virtual call beside a system call cannot be measured.
//
// Nothing here allocates, throws or makes a Status. An interrupted call (EINTR) is retried inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace echogw {

enum class IoStatus : std::uint8_t {
  kOk,          // `bytes` were moved, at least one
  kWouldBlock,  // nothing at the moment (EAGAIN)
  kEof,         // the peer sent FIN; only from Read
  kError,       // see `error`
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  std::size_t bytes = 0;
  int error = 0;  // errno, for kError
};

// A descriptor, or minus the errno of the failure.
using AcceptResult = int;

class SocketIo {
 public:
  SocketIo() = default;
  SocketIo(const SocketIo&) = delete;
  SocketIo& operator=(const SocketIo&) = delete;
  virtual ~SocketIo() = default;

  [[nodiscard]] virtual IoResult Read(int fd, std::span<std::byte> into) noexcept = 0;
  // Never raises SIGPIPE. `from` is not empty.
  [[nodiscard]] virtual IoResult Write(int fd, std::span<const std::byte> from) noexcept = 0;
  // A non-blocking, close-on-exec connection.
  [[nodiscard]] virtual AcceptResult Accept(int listener) noexcept = 0;
  // Sends FIN after what is in flight. An error means that the connection is gone already.
  virtual void ShutdownWrite(int fd) noexcept = 0;
  virtual void Close(int fd) noexcept = 0;
  // Closes with RST: what is in flight is thrown away.
  virtual void Reset(int fd) noexcept = 0;
};

// The kernel's sockets. Stateless: one object serves any number of threads.
class KernelSocketIo final : public SocketIo {
 public:
  [[nodiscard]] IoResult Read(int fd, std::span<std::byte> into) noexcept override;
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override;
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override;
  void ShutdownWrite(int fd) noexcept override;
  void Close(int fd) noexcept override;
  void Reset(int fd) noexcept override;
};

}  // namespace echogw
