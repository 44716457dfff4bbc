// The kernel's sockets with hooks that can replace a call.
#pragma once

#include <functional>
#include <optional>

#include "reactor/net/socket_io.h"

namespace echogw {

// Hooks are set before the reactor runs and called on its thread.
class HookedSocketIo final : public SocketIo {
 public:
  std::function<std::optional<IoResult>(int fd, std::span<std::byte> into)> on_read;
  std::function<std::optional<IoResult>(int fd, std::span<const std::byte> from)> on_write;
  // Takes the kernel's result and returns that of the call.
  std::function<AcceptResult(AcceptResult)> on_accept;
  std::function<void()> on_reset;

  // The budget counts the connections that Accept opens, but does not limit them.
  explicit HookedSocketIo(FdBudget* budget = nullptr) : budget_(budget) {}

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
    if (result >= 0 && budget_ != nullptr) budget_->Note(result);
    return on_accept ? on_accept(result) : result;
  }
  void ShutdownWrite(int fd) noexcept override { kernel_.ShutdownWrite(fd); }
  void Close(int fd) noexcept override { kernel_.Close(fd); }
  void Reset(int fd) noexcept override {
    if (on_reset) on_reset();
    kernel_.Reset(fd);
  }

 private:
  KernelSocketIo kernel_;
  FdBudget* const budget_;
};

}  // namespace echogw
