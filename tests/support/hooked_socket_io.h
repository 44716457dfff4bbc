// The kernel's sockets with a place for a test to step in: a hook that answers takes the place of
// the call.
#pragma once

#include <functional>
#include <optional>

#include "reactor/net/socket_io.h"

namespace echogw {

// Hooks are set before the reactor runs and are called on its thread.
class HookedSocketIo final : public SocketIo {
 public:
  std::function<std::optional<IoResult>(int fd, std::span<std::byte> into)> on_read;
  std::function<std::optional<IoResult>(int fd, std::span<const std::byte> from)> on_write;
  // Given what the kernel answered; returns what the reactor sees.
  std::function<AcceptResult(AcceptResult)> on_accept;
  // An engine accepts without a call here until it gets such a descriptor or a higher one.
  int accept_ahead_below = 0;

  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override {
    if (on_read) {
      if (const auto answer = on_read(fd, buffer)) return *answer;
    }
    return kernel_.Read(fd, buffer);
  }
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override {
    if (on_write) {
      if (const auto answer = on_write(fd, from)) return *answer;
    }
    return kernel_.Write(fd, from);
  }
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override {
    const AcceptResult result = kernel_.Accept(listener);
    if (result >= 0) last_accepted_ = result;
    return on_accept ? on_accept(result) : result;
  }
  void AcceptedAhead(int fd) noexcept override { last_accepted_ = fd; }
  [[nodiscard]] bool MayAcceptAhead() const noexcept override {
    return last_accepted_ < accept_ahead_below;
  }
  void ShutdownWrite(int fd) noexcept override { kernel_.ShutdownWrite(fd); }
  void Close(int fd) noexcept override { kernel_.Close(fd); }
  void Reset(int fd) noexcept override { kernel_.Reset(fd); }

 private:
  KernelSocketIo kernel_;
  int last_accepted_ = 0;
};

}  // namespace echogw
