// The io_uring engine: the poller and the socket calls of its connections in one. It receives into
// buffers of the ring before it is asked; a Read borrows the oldest, and a Write queues the same
// buffer for sending; everything a turn has to send goes to the kernel in the call that waits for
// the next events. Other descriptors (the mailbox, UDP sockets, listeners whose connections are not
// prefetched) are polled, level-triggered.
//
//   kernel ──receive──> buffer ──Read: borrowed──> reactor ──Write: queued──> Wait: sent ──> kernel
//
// When a client takes no more, its connection is blocked: receiving ends, and the reactor takes
// over what the engine holds for it (kEventPrefetched), so that a client that does not read
// occupies no buffer of the ring. Until nothing is left, plain calls read and send.
//
// Connections are prefetched from a listener (kInterestPrefetch) where the kernel does that
// reliably and while there is room for their descriptors (FdBudget). A Close goes out with the next
// call, a Reset at once.
//
// Made on any thread, then belongs to the first thread that calls Wait. A failure of a connection
// is reported by the next Read or Write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/poll/poller.h"
#include "reactor/poll/prefetch_engine.h"
#include "reactor/uring/requests.h"
#include "reactor/uring/watches.h"

namespace echogw {

class UringEngine final : public Poller, public PrefetchEngine {
 public:
  // Errors: see Uring::Create.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Poller>> Create(const PollerDeps& deps);
  // Whether Create would succeed here.
  [[nodiscard]] static absl::Status Available();

  // Poller
  [[nodiscard]] bool edge_triggered() const noexcept override { return true; }
  [[nodiscard]] PrefetchEngine* engine() noexcept override { return this; }
  // With `edge` a connection, else any descriptor.
  [[nodiscard]] int Add(int fd, std::uint64_t token, std::uint32_t interest,
                        bool edge) noexcept override;
  [[nodiscard]] int SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                                bool edge) noexcept override;
  void Remove(int fd) noexcept override;
  void Closing(int fd) noexcept override;
  [[nodiscard]] std::size_t Wait(std::span<epoll_event> events, Nanos timeout) noexcept override;

  // PrefetchEngine
  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override;
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override;
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override;
  void ShutdownWrite(int fd) noexcept override { io_.ShutdownWrite(fd); }
  void Close(int fd) noexcept override { requests_.Close(fd); }
  void Reset(int fd) noexcept override { io_.Reset(fd); }
  [[nodiscard]] Prefetched TakePrefetched(int fd) noexcept override;
  [[nodiscard]] AcceptResult TakeAccepted(int listener) noexcept override;
  void CatchUp(int fd) noexcept override;
  [[nodiscard]] bool Flush(int fd) noexcept override;

 private:
  UringEngine(const PollerDeps& deps, std::unique_ptr<Uring> ring,
              std::unique_ptr<UringBuffers> buffers);

  // Ends the watch, and gives back its buffers.
  void Forget(UringWatch& w) noexcept;
  // The oldest buffer that was received; there is one.
  [[nodiscard]] std::span<std::byte> BorrowOldest(UringWatch& w) noexcept;
  [[nodiscard]] std::size_t Report(std::span<epoll_event> events) noexcept;

  SocketIo& io_;
  const std::unique_ptr<UringBuffers> buffers_;
  UringWatches watches_;
  UringRequests requests_;
};

}  // namespace echogw
