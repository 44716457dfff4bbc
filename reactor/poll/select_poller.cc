#include "reactor/poll/select_poller.h"

#include <cerrno>

#include "reactor/base/check.h"

namespace echogw {

SelectPoller::SelectPoller() {
  FD_ZERO(&watched_);
  FD_ZERO(&read_);
  FD_ZERO(&write_);
}

int SelectPoller::Add(int fd, std::uint64_t token, std::uint32_t interest, bool edge) noexcept {
  if (fd >= FD_SETSIZE) return ERANGE;
  CHECK(!FD_ISSET(fd, &watched_));
  FD_SET(fd, &watched_);
  if (fd > highest_) highest_ = fd;
  return SetInterest(fd, token, interest, edge);
}

int SelectPoller::SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                              bool /*edge*/) noexcept {
  CHECK(fd < FD_SETSIZE && FD_ISSET(fd, &watched_));
  tokens_[static_cast<std::size_t>(fd)] = token;
  FD_CLR(fd, &read_);
  FD_CLR(fd, &write_);
  if ((interest & EPOLLIN) != 0) FD_SET(fd, &read_);
  if ((interest & EPOLLOUT) != 0) FD_SET(fd, &write_);
  return 0;
}

void SelectPoller::Remove(int fd) noexcept {
  CHECK(fd < FD_SETSIZE && FD_ISSET(fd, &watched_));
  FD_CLR(fd, &watched_);
  FD_CLR(fd, &read_);
  FD_CLR(fd, &write_);
  while (highest_ >= 0 && !FD_ISSET(highest_, &watched_)) --highest_;
}

std::size_t SelectPoller::Wait(std::span<epoll_event> events, Nanos timeout) noexcept {
  fd_set readable = read_;
  fd_set writable = write_;
  timeval wait{};
  if (timeout != kNever) {
    const Nanos micros = timeout / 1000 + (timeout % 1000 != 0 ? 1 : 0);
    wait.tv_sec = micros / 1'000'000;
    wait.tv_usec = micros % 1'000'000;
  }
  int ready =
      ::select(highest_ + 1, &readable, &writable, nullptr, timeout == kNever ? nullptr : &wait);
  if (ready < 0) {
    CHECK(errno == EINTR || errno == ENOMEM);
    return 0;
  }
  std::size_t filled = 0;
  for (int looked = 0; ready > 0 && looked <= highest_ && filled < events.size(); ++looked) {
    if (next_ > highest_) next_ = 0;
    const int fd = next_++;
    std::uint32_t mask = 0;
    if (FD_ISSET(fd, &readable)) {
      mask |= EPOLLIN;
      --ready;
    }
    if (FD_ISSET(fd, &writable)) {
      mask |= EPOLLOUT;
      --ready;
    }
    if (mask == 0) continue;
    events[filled].events = mask;
    events[filled].data.u64 = tokens_[static_cast<std::size_t>(fd)];
    ++filled;
  }
  return filled;
}

}  // namespace echogw
