// A stage of a session's pipeline as a SocketIo over the one below it. All calls pass through; a
// stage overrides those that it changes.
#pragma once

#include "reactor/services/echo.h"

namespace echogw {

class LayeredIo : public SocketIo {
 public:
  explicit LayeredIo(SocketIo& io) : io_(io) {}

  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override {
    return io_.Read(fd, buffer);
  }
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override {
    return io_.Write(fd, from);
  }
  [[nodiscard]] AcceptResult Accept(int listener) noexcept final { return io_.Accept(listener); }
  void ShutdownWrite(int fd) noexcept final { io_.ShutdownWrite(fd); }
  void Close(int fd) noexcept final { io_.Close(fd); }
  void Reset(int fd) noexcept final { io_.Reset(fd); }

 protected:
  SocketIo& io_;
};

// `context` with other system calls.
inline EchoContext Over(SocketIo& io, const EchoContext& context) {
  return {
      io, context.pool, context.counters, context.scratch, context.turn_bytes, context.transform};
}

}  // namespace echogw
