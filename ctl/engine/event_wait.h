// EventWait: the epoll instance of one client thread, and a timer that bounds its waits. Owned by
// that thread; Open() runs on the thread of the owner.
#pragma once

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>

#include "absl/status/status.h"
#include "ctl/engine/options.h"

namespace echogw::ctl::load {

class EventWait {
 public:
  EventWait() = default;
  ~EventWait() {
    if (epoll_ >= 0) close(epoll_);
    if (timer_ >= 0) close(timer_);
  }
  EventWait(const EventWait&) = delete;
  EventWait& operator=(const EventWait&) = delete;

  [[nodiscard]] absl::Status Open() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) return absl::ErrnoToStatus(errno, "epoll_create1 for a client thread");
    timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer_ < 0 || Watch(timer_, EPOLLIN | EPOLLET, kTimerToken) != 0) {
      return absl::ErrnoToStatus(errno, "a timer for a client thread");
    }
    return absl::OkStatus();
  }
  // 0, or the errno of epoll_ctl. Events of `fd` carry `token`, below UINT64_MAX.
  [[nodiscard]] int Watch(int fd, std::uint32_t events, std::uint64_t token) const {
    epoll_event event{.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0 ? errno : 0;
  }
  // Gives this thread a descriptor table of its own, without what the process has open: looking a
  // descriptor up then takes no reference count. Kernels before 5.9 keep the shared table.
  void LeaveSharedFiles() const {
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
  // Waits for events until `due` to the nanosecond, or until about `check`, whichever is sooner.
  // `check` is kept by a timer that is set only when it changes, so that most waits need no
  // timeout. The events are valid until the next call.
  [[nodiscard]] std::span<const epoll_event> Wait(LoadTime now, LoadTime due, LoadTime check) {
    // The only error is EINTR, and the caller waits again.
    const int count = std::max(WaitFor(Timeout(now, due, check)), 0);
    const auto end =
        std::remove_if(events_.begin(), events_.begin() + count,
                       [](const epoll_event& event) { return event.data.u64 == kTimerToken; });
    return {events_.begin(), end};
  }

 private:
  // Only a wait longer than this is left to the timer.
  static constexpr Duration kTimerFrom = std::chrono::milliseconds(1);
  static constexpr std::uint64_t kTimerToken = UINT64_MAX;

  static timespec TimeSpec(Duration time) {
    return {.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
  }

  // Negative for no timeout, because the timer ends the wait.
  [[nodiscard]] Duration Timeout(LoadTime now, LoadTime due, LoadTime check) {
    const LoadTime first = std::min(due, check);
    if (first <= now) return Duration(0);
    if (due < check || check - now < kTimerFrom) return first - now;
    if (timer_at_ > now && timer_at_ <= check) return Duration(-1);
    const itimerspec time{.it_interval = {}, .it_value = TimeSpec(check.time_since_epoch())};
    if (timerfd_settime(timer_, TFD_TIMER_ABSTIME, &time, nullptr) != 0) return check - now;
    timer_at_ = check;
    return Duration(-1);
  }
  // Before Linux 5.11 the wait is rounded down to milliseconds: no message goes out late.
  [[nodiscard]] int WaitFor(Duration timeout) {
    const int most = static_cast<int>(events_.size());
    if (timeout.count() <= 0) {
      return epoll_wait(epoll_, events_.data(), most, timeout.count() == 0 ? 0 : -1);
    }
    const timespec time = TimeSpec(timeout);
    const int count = epoll_pwait2(epoll_, events_.data(), most, &time, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
    return epoll_wait(epoll_, events_.data(), most, static_cast<int>(timeout.count() / 1'000'000));
  }

  int epoll_ = -1;
  int timer_ = -1;
  LoadTime timer_at_;  // when it expires, or did
  std::array<epoll_event, 512> events_;
};

}  // namespace echogw::ctl::load
