// The system calls of the data path behind an interface, so that tests can script partial reads,
// resets and exhausted descriptors. The cost of a virtual call beside a system call is not
// measurable.
//
// Nothing here allocates, throws or makes a Status. An interrupted call (EINTR) is retried inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/net/fd_budget.h"

namespace echogw {

enum class IoStatus : std::uint8_t {
  kOk,          // `bytes` were moved, at least one
  kQueued,      // all of it goes out with the next wait of the poller; only from Write
  kWouldBlock,  // nothing at the moment (EAGAIN)
  kEof,         // the peer sent FIN; only from Read
  kError,       // see `error`
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  std::size_t bytes = 0;
  int error = 0;  // errno, for kError
};

// A descriptor, or the negative errno of the failure.
using AcceptResult = int;

class SocketIo {
 public:
  SocketIo() = default;
  SocketIo(const SocketIo&) = delete;
  SocketIo& operator=(const SocketIo&) = delete;
  virtual ~SocketIo() = default;

  // Fills `buffer` from its start, or points it at bytes that have arrived already. Those stay
  // valid until the next call for any connection, and may be changed in place.
  [[nodiscard]] virtual IoResult Read(int fd, std::span<std::byte>& buffer) noexcept = 0;
  // Never raises SIGPIPE. `from` is not empty.
  [[nodiscard]] virtual IoResult Write(int fd, std::span<const std::byte> from) noexcept = 0;
  // A non-blocking, close-on-exec connection.
  [[nodiscard]] virtual AcceptResult Accept(int listener) noexcept = 0;
  // Sends FIN after what is in flight. An error means that the connection is gone already.
  virtual void ShutdownWrite(int fd) noexcept = 0;
  virtual void Close(int fd) noexcept = 0;
  // Closes with RST: what is in flight is discarded.
  virtual void Reset(int fd) noexcept = 0;
};

// The kernel's sockets. One object serves any number of threads.
class KernelSocketIo final : public SocketIo {
 public:
  // With a budget, Accept fails with EMFILE while the budget has no room.
  explicit KernelSocketIo(FdBudget* budget = nullptr) : budget_(budget) {}

  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override;
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override;
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override;
  void ShutdownWrite(int fd) noexcept override;
  void Close(int fd) noexcept override;
  void Reset(int fd) noexcept override;

 private:
  FdBudget* const budget_;
};

}  // namespace echogw
