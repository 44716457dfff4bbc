// poll(2), level-triggered: the kernel looks at every descriptor in every wait.
#pragma once

#include <poll.h>

#include <vector>

#include "reactor/poll/poller.h"

namespace echogw {

class PollPoller final : public Poller {
 public:
  [[nodiscard]] bool edge_triggered() const noexcept override { return false; }
  [[nodiscard]] int Add(int fd, std::uint64_t token, std::uint32_t interest,
                        bool edge) noexcept override;
  [[nodiscard]] int SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                                bool edge) noexcept override;
  void Remove(int fd) noexcept override;
  void Closing(int fd) noexcept override { Remove(fd); }
  [[nodiscard]] std::size_t Wait(std::span<epoll_event> events, Nanos timeout) noexcept override;

 private:
  static constexpr std::uint32_t kNowhere = UINT32_MAX;

  // Parallel: polled_[i] belongs to tokens_[i].
  std::vector<pollfd> polled_;
  std::vector<std::uint64_t> tokens_;
  // By descriptor: its place in polled_, or kNowhere.
  std::vector<std::uint32_t> place_;
  // Where the scan for ready descriptors starts, so that a full batch does not starve the rest.
  std::size_t next_ = 0;
};

}  // namespace echogw
