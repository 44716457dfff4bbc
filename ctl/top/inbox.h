// The queue of messages for the view: any thread posts, the thread of the view polls fd() and takes
// them. Owned by the verb; outlives everything that posts.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "ctl/top/messages.h"

namespace echogw::ctl::top {

class TopInbox {
 public:
  TopInbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~TopInbox() {
    if (fd_ >= 0) close(fd_);
  }

  // False when no descriptor could be opened.
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

  // Any thread. A snapshot replaces one that is last in the queue: rates are computed over the gap,
  // so that only the newest matters.
  void Post(TopMessage message) {
    {
      const std::lock_guard lock(mutex_);
      if (!messages_.empty() && IsSnapshot(messages_.back()) && IsSnapshot(message)) {
        messages_.pop_back();
      }
      messages_.push_back(std::move(message));
    }
    Wake();
  }
  // Any thread, and signal handlers. Fails only when the count is full: the reader is awake then.
  void Wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
  }

  // Readable when there are messages, and after Wake().
  [[nodiscard]] int fd() const { return fd_; }
  // The thread of the view. All messages, in order; none after a mere Wake().
  std::vector<TopMessage> Take() {
    // The count first, so that a later post wakes the reader again.
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(fd_, &count, sizeof(count));
    const std::lock_guard lock(mutex_);
    return std::exchange(messages_, {});
  }

 private:
  static bool IsSnapshot(const TopMessage& message) {
    return std::holds_alternative<admin::v1::GetStatsResponse>(message);
  }

  int fd_;
  std::mutex mutex_;
  // Under mutex_. Bounded: only the newest snapshot is kept, all else answers a request.
  std::vector<TopMessage> messages_;
};

}  // namespace echogw::ctl::top
