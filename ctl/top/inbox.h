// Where messages for the view wait: any thread posts, the thread of the view sleeps in poll() on
// fd() and takes them. Owned by the verb and outlives everything that posts.
#pragma once

#include <mutex>
#include <vector>

#include "ctl/top/messages.h"

namespace echogw::ctl::top {

class TopInbox {
 public:
  TopInbox();
  ~TopInbox();
  TopInbox(const TopInbox&) = delete;
  TopInbox& operator=(const TopInbox&) = delete;

  // False when the system gave no descriptor; nothing works then.
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

  // Any thread. A snapshot takes the place of one that waits at the end.
  void Post(TopMessage message);
  // Any thread, and signal handlers: only wakes the reader.
  void Wake() const;

  // Readable when there is something to take, and after Wake.
  [[nodiscard]] int fd() const { return fd_; }
  // The thread of the view. Everything that came, in order; empty after a mere Wake.
  std::vector<TopMessage> Take();

 private:
  int fd_;
  std::mutex mutex_;
  // Under mutex_. Bounded while the view is late: of snapshots in a row the newest stays, and
  // everything else is the answer to a request of the view.
  std::vector<TopMessage> messages_;
};

}  // namespace echogw::ctl::top
