// EventWait: the epoll instance of one client thread, and a timer that bounds its waits. Owned by
// that thread; Open() runs on the thread of the owner.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "ctl/engine/options.h"

namespace echogw::ctl::load {

class EventWait {
 public:
  EventWait() = default;
  ~EventWait();
  EventWait(const EventWait&) = delete;
  EventWait& operator=(const EventWait&) = delete;

  [[nodiscard]] absl::Status Open();
  // 0, or the errno of epoll_ctl. Events of `fd` carry `token`, below UINT64_MAX.
  [[nodiscard]] int Watch(int fd, std::uint32_t events, std::uint64_t token) const;
  // Gives this thread a descriptor table of its own, without what the process has open: looking a
  // descriptor up then takes no reference count. Kernels before 5.9 keep the shared table.
  void LeaveSharedFiles() const;
  // Waits for events until `due` to the nanosecond, or until about `check`, whichever is sooner.
  // `check` is kept by a timer that is set only when it changes, so that most waits need no
  // timeout. The events are valid until the next call.
  [[nodiscard]] std::span<const epoll_event> Wait(LoadTime now, LoadTime due, LoadTime check);

 private:
  // Negative for no timeout, because the timer ends the wait.
  [[nodiscard]] std::chrono::nanoseconds Timeout(LoadTime now, LoadTime due, LoadTime check);
  [[nodiscard]] int WaitFor(std::chrono::nanoseconds timeout);

  int epoll_ = -1;
  int timer_ = -1;
  LoadTime timer_at_;  // when it expires, or did
  std::array<epoll_event, 512> events_;
};

}  // namespace echogw::ctl::load
