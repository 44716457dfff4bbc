// The socket calls of a poller that works ahead of the reactor: it receives and accepts before it
// is asked, and sends with its next wait (io_uring). Belongs to its reactor's thread.
#pragma once

#include <cstddef>
#include <span>

#include "reactor/net/socket_io.h"

namespace echogw {

struct Prefetched {
  std::span<std::byte> bytes;  // valid until the next call for any connection; empty: no more
  bool unsent = false;         // queued by Write; else received and not yet read
};

class PrefetchEngine : public SocketIo {
 public:
  // After kEventPrefetched or Poller::Remove: hands over what the engine holds for the connection,
  // unsent bytes first. Call it until it returns nothing.
  [[nodiscard]] virtual Prefetched TakePrefetched(int fd) noexcept = 0;
  // After Poller::Remove of a listener: hands over a connection that was accepted and not yet
  // returned by Accept. Call it until it fails.
  [[nodiscard]] virtual AcceptResult TakeAccepted(int listener) noexcept = 0;
  // From here on Read finds everything the kernel has, until it returns kWouldBlock.
  virtual void CatchUp(int fd) noexcept = 0;
  // Sends what is queued. False: the client does not take all of it; kEventPrefetched follows.
  [[nodiscard]] virtual bool Flush(int fd) noexcept = 0;
};

}  // namespace echogw
