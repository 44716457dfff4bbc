// The queue of messages for the view: any thread posts, the thread of the view polls fd() and takes
// them. Owned by the verb; outlives everything that posts.
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

  // False when no descriptor could be opened.
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

  // Any thread. A snapshot replaces one that is last in the queue.
  void Post(TopMessage message);
  // Any thread, and signal handlers: wakes the reader.
  void Wake() const;

  // Readable when there are messages, and after Wake().
  [[nodiscard]] int fd() const { return fd_; }
  // The thread of the view. All messages, in order; none after a mere Wake().
  std::vector<TopMessage> Take();

 private:
  int fd_;
  std::mutex mutex_;
  // Under mutex_. Bounded: of consecutive snapshots only the newest is kept, and all else answers a
  // request of the view.
  std::vector<TopMessage> messages_;
};

}  // namespace echogw::ctl::top
