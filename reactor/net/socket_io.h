// The system calls of the data path behind a seam, so that tests can script partial reads, resets
// and exhausted descriptors. One virtual call beside a system call cannot be measured.
//
// Nothing here allocates, throws or makes a Status. An interrupted call (EINTR) is retried inside.
#pragma once

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>

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

// What an engine holds of a connection; see SocketIo::TakeAhead.
struct Ahead {
  std::span<std::byte> bytes;  // good until the next call for any connection; empty: no more
  bool unsent = false;         // Write had queued them; else they were received and never read
};

// A descriptor, or minus the errno of the failure.
using AcceptResult = int;

class SocketIo {
 public:
  SocketIo() = default;
  SocketIo(const SocketIo&) = delete;
  SocketIo& operator=(const SocketIo&) = delete;
  virtual ~SocketIo() = default;

  // Fills `buffer` from its beginning, or points it at bytes that are here already, which are good
  // until the next call for any connection and may be changed in place.
  [[nodiscard]] virtual IoResult Read(int fd, std::span<std::byte>& buffer) noexcept = 0;
  // Never raises SIGPIPE. `from` is not empty.
  [[nodiscard]] virtual IoResult Write(int fd, std::span<const std::byte> from) noexcept = 0;
  // A non-blocking, close-on-exec connection.
  [[nodiscard]] virtual AcceptResult Accept(int listener) noexcept = 0;
  // Sends FIN after what is in flight. An error means that the connection is gone already.
  virtual void ShutdownWrite(int fd) noexcept = 0;
  virtual void Close(int fd) noexcept = 0;
  // Closes with RST: what is in flight is thrown away.
  virtual void Reset(int fd) noexcept = 0;

  // For an engine that works ahead of the reactor; there is nothing to do where each call is a call
  // of the kernel's.

  // After kEventAhead or Poller::Remove: gives out what is held for the connection, what is unsent
  // first, and holds it no longer. To be called until it returns nothing.
  [[nodiscard]] virtual Ahead TakeAhead(int /*fd*/) noexcept { return {}; }
  // After Poller::Remove of a listener: gives out a connection that was accepted and that Accept
  // has not given out yet. To be called until it fails.
  [[nodiscard]] virtual AcceptResult TakeAccepted(int /*listener*/) noexcept { return -EAGAIN; }
  // From here on Read finds all that the kernel has, until it says that there is nothing.
  virtual void CatchUp(int /*fd*/) noexcept {}
  // Sends what is queued. False: the client does not take all of it, and kEventAhead follows.
  [[nodiscard]] virtual bool Flush(int /*fd*/) noexcept { return true; }

  // For an engine that accepts ahead, up to kAheadBurst connections before it can ask whether there
  // is room for them: it begins once, says of each which descriptor it got, ends once, and accepts
  // ahead only while it may. Any thread.
  virtual void BeginAhead() noexcept {}
  virtual void EndAhead() noexcept {}
  virtual void AcceptedAhead(int /*fd*/) noexcept {}
  [[nodiscard]] virtual bool MayAcceptAhead() const noexcept { return false; }

  // An io_uring accepts as many at once as it has room for completions, 1024, and one more for each
  // listener (measured on Linux 6.18 with 1500 clients waiting).
  static constexpr int kAheadBurst = 1100;
};

// The kernel's sockets. One object serves any number of threads.
class KernelSocketIo final : public SocketIo {
 public:
  // Descriptors from `ceiling` on are left to others: once one of them was given out, Accept fails
  // with EMFILE until a lower one is free, although the process could open more. The kernel gives
  // out the lowest that is free, so the number of a descriptor tells how many are open.
  explicit KernelSocketIo(int ceiling = INT_MAX) : ceiling_(ceiling) {}

  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override;
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override;
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override;
  void ShutdownWrite(int fd) noexcept override;
  void Close(int fd) noexcept override;
  void Reset(int fd) noexcept override;
  void BeginAhead() noexcept override { engines_.fetch_add(1, std::memory_order_relaxed); }
  void EndAhead() noexcept override { engines_.fetch_sub(1, std::memory_order_relaxed); }
  void AcceptedAhead(int fd) noexcept override { NoteDescriptor(fd); }
  // While a burst of every engine at once stays below the ceiling, and takes no more than half of
  // all descriptors.
  [[nodiscard]] bool MayAcceptAhead() const noexcept override {
    return !crowded_.load(std::memory_order_relaxed) && Bursts() <= ceiling_ / 2;
  }

 private:
  [[nodiscard]] int Bursts() const noexcept {
    return engines_.load(std::memory_order_relaxed) * kAheadBurst;
  }
  // Of a connection that was accepted just now.
  void NoteDescriptor(int fd) noexcept {
    const bool crowded = fd >= ceiling_ - Bursts();
    if (crowded != crowded_.load(std::memory_order_relaxed)) [[unlikely]]
      crowded_.store(crowded, std::memory_order_relaxed);
  }
  // Whether the lowest descriptor that is free, which a copy of `any_open` gets, is below the
  // ceiling.
  [[nodiscard]] bool HasRoom(int any_open) const noexcept;

  const int ceiling_;
  // Writers and readers: threads that accept. Relaxed: it says nothing about other memory, and a
  // thread that sees it late opens one descriptor more.
  std::atomic<bool> at_ceiling_{false};
  // Likewise: engines that accept ahead, and whether their bursts might reach the ceiling.
  std::atomic<int> engines_{0};
  std::atomic<bool> crowded_{false};
};

}  // namespace echogw
