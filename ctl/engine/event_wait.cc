#include "ctl/engine/event_wait.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace echogw::ctl::load {

namespace {

using std::chrono::nanoseconds;

// Only a wait longer than this is left to the timer.
constexpr nanoseconds kTimerFrom = std::chrono::milliseconds(1);
constexpr std::uint64_t kTimerToken = UINT64_MAX;

timespec TimeSpec(nanoseconds time) {
  return {.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
}

}  // namespace

EventWait::~EventWait() {
  if (epoll_ >= 0) close(epoll_);
  if (timer_ >= 0) close(timer_);
}

absl::Status EventWait::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return absl::ErrnoToStatus(errno, "epoll_create1 for a client thread");
  timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer_ < 0 || Watch(timer_, EPOLLIN | EPOLLET, kTimerToken) != 0) {
    return absl::ErrnoToStatus(errno, "a timer for a client thread");
  }
  return absl::OkStatus();
}

int EventWait::Watch(int fd, std::uint32_t events, std::uint64_t token) const {
  epoll_event event{.events = events, .data = {.u64 = token}};
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0 ? errno : 0;
}

void EventWait::LeaveSharedFiles() const {
  static constexpr unsigned kFirst = STDERR_FILENO + 1;
  const auto low = static_cast<unsigned>(std::min(epoll_, timer_));
  const auto high = static_cast<unsigned>(std::max(epoll_, timer_));
  if (close_range(std::max(high + 1, kFirst), UINT_MAX, CLOSE_RANGE_UNSHARE) != 0) return;
  const auto close_from = [](unsigned first, unsigned end) {
    first = std::max(first, kFirst);
    if (first < end) close_range(first, end - 1, 0);
  };
  close_from(low + 1, high);
  close_from(kFirst, low);
}

std::span<const epoll_event> EventWait::Wait(LoadTime now, LoadTime due, LoadTime check) {
  // The only error is EINTR, and the caller waits again.
  const int count = std::max(WaitFor(Timeout(now, due, check)), 0);
  const auto end =
      std::remove_if(events_.begin(), events_.begin() + count,
                     [](const epoll_event& event) { return event.data.u64 == kTimerToken; });
  return {events_.begin(), end};
}

nanoseconds EventWait::Timeout(LoadTime now, LoadTime due, LoadTime check) {
  const LoadTime first = std::min(due, check);
  if (first <= now) return nanoseconds(0);
  if (due < check || check - now < kTimerFrom) return first - now;
  if (timer_at_ > now && timer_at_ <= check) return nanoseconds(-1);
  const itimerspec time{.it_interval = {}, .it_value = TimeSpec(check.time_since_epoch())};
  if (timerfd_settime(timer_, TFD_TIMER_ABSTIME, &time, nullptr) != 0) return check - now;
  timer_at_ = check;
  return nanoseconds(-1);
}

// epoll_pwait2 needs Linux 5.11. Before that the wait is rounded down to milliseconds, so that no
// message goes out late.
int EventWait::WaitFor(nanoseconds timeout) {
  const int most = static_cast<int>(events_.size());
  if (timeout.count() <= 0) {
    return epoll_wait(epoll_, events_.data(), most, timeout.count() == 0 ? 0 : -1);
  }
  const timespec time = TimeSpec(timeout);
  const int count = epoll_pwait2(epoll_, events_.data(), most, &time, nullptr);
  if (count >= 0 || errno != ENOSYS) return count;
  return epoll_wait(epoll_, events_.data(), most, static_cast<int>(timeout.count() / 1'000'000));
}

}  // namespace echogw::ctl::load
