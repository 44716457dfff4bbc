// epoll(7), the default. Connections are edge-triggered.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"
#include "reactor/poll/poller.h"

namespace echogw {

class EpollPoller final : public Poller {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Poller>> Create();

  [[nodiscard]] bool edge_triggered() const noexcept override { return true; }
  [[nodiscard]] int Add(int fd, std::uint64_t token, std::uint32_t interest,
                        bool edge) noexcept override;
  [[nodiscard]] int SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                                bool edge) noexcept override;
  void Remove(int fd) noexcept override;
  void Closing(int /*fd*/) noexcept override {}
  [[nodiscard]] std::size_t Wait(std::span<epoll_event> events, Nanos timeout) noexcept override;

 private:
  explicit EpollPoller(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  UniqueFd epoll_;
};

// `timeout` in milliseconds as poll(2) and epoll_wait(2) take it, rounded up; -1 for kNever.
[[nodiscard]] int TimeoutMillis(Nanos timeout) noexcept;

}  // namespace echogw
