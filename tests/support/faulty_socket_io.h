// The kernel's sockets with injected faults: failing accept(), and short or refused reads and
// writes with a seeded probability.
//
// An artificial "would block" or short count needs a level-triggered poller, which reports the
// socket again. An edge-triggered one would wait for an edge that never comes: use accept faults
// only, and small kernel buffers for short writes.
#pragma once

#include <atomic>
#include <mutex>

#include "reactor/net/socket_io.h"
#include "tests/support/random.h"

namespace echogw {

class FaultySocketIo final : public SocketIo {
 public:
  // Disturbs `chance_percent` of the reads and writes.
  explicit FaultySocketIo(std::uint64_t seed = 0, unsigned chance_percent = 0)
      : random_(seed), chance_percent_(chance_percent) {}

  // Any thread: every following accept() fails with `error`; 0: it succeeds.
  void FailAccept(int error) { accept_error_.store(error, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t accepts() const { return accepts_.load(std::memory_order_relaxed); }

  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override {
    std::span<std::byte> part = buffer.first(Disturbed(buffer.size()));
    return part.empty() ? IoResult{IoStatus::kWouldBlock, 0, 0} : kernel_.Read(fd, part);
  }
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override {
    const std::size_t n = Disturbed(from.size());
    return n == 0 ? IoResult{IoStatus::kWouldBlock, 0, 0} : kernel_.Write(fd, from.first(n));
  }
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override {
    accepts_.fetch_add(1, std::memory_order_relaxed);
    const int error = accept_error_.load(std::memory_order_relaxed);
    return error != 0 ? -error : kernel_.Accept(listener);
  }
  void ShutdownWrite(int fd) noexcept override { kernel_.ShutdownWrite(fd); }
  void Close(int fd) noexcept override { kernel_.Close(fd); }
  void Reset(int fd) noexcept override { kernel_.Reset(fd); }

 private:
  // How many of `bytes` the call may transfer.
  [[nodiscard]] std::size_t Disturbed(std::size_t bytes) {
    if (chance_percent_ == 0) return bytes;
    const std::scoped_lock lock(mutex_);
    if (!random_.Percent(chance_percent_)) return bytes;
    return random_.Between(0, bytes);
  }

  KernelSocketIo kernel_;
  std::mutex mutex_;
  Random random_;  // under mutex_
  const unsigned chance_percent_;
  // Writer: the test. Readers: reactors. Relaxed: no other memory depends on it.
  std::atomic<int> accept_error_{0};
  // Writers: reactors. Reader: the test. Relaxed for the same reason.
  std::atomic<std::size_t> accepts_{0};
};

}  // namespace echogw
