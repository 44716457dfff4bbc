#include "reactor/poll/epoll_poller.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "reactor/base/check.h"

namespace echogw {
namespace {

epoll_event MakeEvent(std::uint64_t token, std::uint32_t interest, bool edge) {
  epoll_event event{};
  event.events = interest | (edge ? static_cast<std::uint32_t>(EPOLLET) : 0U);
  event.data.u64 = token;
  return event;
}

}  // namespace

int TimeoutMillis(Nanos timeout) noexcept {
  if (timeout == kNever) return -1;
  if (timeout <= 0) return 0;
  const Nanos millis = timeout / kNanosPerMilli + (timeout % kNanosPerMilli != 0 ? 1 : 0);
  return millis > INT_MAX ? INT_MAX : static_cast<int>(millis);
}

absl::StatusOr<std::unique_ptr<Poller>> EpollPoller::Create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll_create1");
  return std::unique_ptr<Poller>(new EpollPoller(std::move(epoll)));
}

int EpollPoller::Add(int fd, std::uint64_t token, std::uint32_t interest, bool edge) noexcept {
  epoll_event event = MakeEvent(token, interest, edge);
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int EpollPoller::SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                             bool edge) noexcept {
  epoll_event event = MakeEvent(token, interest, edge);
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

void EpollPoller::Remove(int fd) noexcept {
  const int result = ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  CHECK(result == 0);  // only an fd that is not watched can fail here: our bug
}

std::size_t EpollPoller::Wait(std::span<epoll_event> events, Nanos timeout) noexcept {
  // As in socket_io.cc: epoll_wait(2) itself, without the C library's cancellation point.
  const long n = ::syscall(SYS_epoll_pwait, epoll_.get(), events.data(),
                           static_cast<int>(events.size()), TimeoutMillis(timeout), nullptr, 0UL);
  if (n < 0) [[unlikely]] {
    CHECK(errno == EINTR);
    return 0;
  }
  return static_cast<std::size_t>(n);
}

}  // namespace echogw
