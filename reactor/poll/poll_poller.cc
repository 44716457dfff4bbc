#include "reactor/poll/poll_poller.h"

#include <cerrno>

#include "reactor/base/check.h"
#include "reactor/poll/epoll_poller.h"

namespace echogw {

// The two interfaces share these values on Linux, so that masks pass unchanged.
static_assert(POLLIN == EPOLLIN && POLLPRI == EPOLLPRI && POLLOUT == EPOLLOUT &&
              POLLERR == EPOLLERR && POLLHUP == EPOLLHUP && POLLRDHUP == EPOLLRDHUP);

int PollPoller::Add(int fd, std::uint64_t token, std::uint32_t interest, bool /*edge*/) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= place_.size()) place_.resize(index + 1, kNowhere);
  CHECK(place_[index] == kNowhere);
  place_[index] = static_cast<std::uint32_t>(polled_.size());
  polled_.push_back({fd, static_cast<short>(interest), 0});
  tokens_.push_back(token);
  return 0;
}

int PollPoller::SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                            bool /*edge*/) noexcept {
  const std::uint32_t at = place_[static_cast<std::size_t>(fd)];
  CHECK(at != kNowhere);
  polled_[at].events = static_cast<short>(interest);
  tokens_[at] = token;
  return 0;
}

void PollPoller::Remove(int fd) noexcept {
  const std::uint32_t at = place_[static_cast<std::size_t>(fd)];
  CHECK(at != kNowhere);
  polled_[at] = polled_.back();
  tokens_[at] = tokens_.back();
  place_[static_cast<std::size_t>(polled_[at].fd)] = at;
  place_[static_cast<std::size_t>(fd)] = kNowhere;
  polled_.pop_back();
  tokens_.pop_back();
}

std::size_t PollPoller::Wait(std::span<epoll_event> events, Nanos timeout) noexcept {
  int ready = ::poll(polled_.data(), polled_.size(), TimeoutMillis(timeout));
  if (ready < 0) {
    // ENOMEM passes; the loop comes back.
    CHECK(errno == EINTR || errno == ENOMEM);
    return 0;
  }
  std::size_t filled = 0;
  for (std::size_t looked = 0; ready > 0 && looked < polled_.size(); ++looked) {
    if (filled == events.size()) break;
    if (next_ >= polled_.size()) next_ = 0;
    const pollfd& p = polled_[next_];
    if (p.revents != 0) {
      events[filled].events = static_cast<std::uint32_t>(p.revents);
      events[filled].data.u64 = tokens_[next_];
      ++filled;
      --ready;
    }
    ++next_;
  }
  return filled;
}

}  // namespace echogw
