// select(2), level-triggered, for descriptors below FD_SETSIZE (1024 with glibc) only.
#pragma once

#include <sys/select.h>

#include <array>

#include "reactor/poll/poller.h"

namespace echogw {

class SelectPoller final : public Poller {
 public:
  SelectPoller();

  [[nodiscard]] bool edge_triggered() const noexcept override { return false; }
  // ERANGE for a descriptor that does not fit in an fd_set.
  [[nodiscard]] int Add(int fd, std::uint64_t token, std::uint32_t interest,
                        bool edge) noexcept override;
  [[nodiscard]] int SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                                bool edge) noexcept override;
  void Remove(int fd) noexcept override;
  void Closing(int fd) noexcept override { Remove(fd); }
  [[nodiscard]] std::size_t Wait(std::span<epoll_event> events, Nanos timeout) noexcept override;

 private:
  fd_set watched_;
  fd_set read_;
  fd_set write_;
  std::array<std::uint64_t, FD_SETSIZE> tokens_{};
  int highest_ = -1;  // of watched_
  int next_ = 0;      // where the scan begins
};

}  // namespace echogw
