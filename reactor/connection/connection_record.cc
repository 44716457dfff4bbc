#include "reactor/connection/connection_record.h"

#include <utility>

namespace echogw {

void PendingReplies::Expect(std::uint64_t id) {
  const MutexLock lock(mutex_);
  expected_.emplace(id, std::nullopt);
}

std::optional<ConnectionSlice> PendingReplies::WaitFor(std::uint64_t id,
                                                       std::chrono::nanoseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  while (!expected_.at(id).has_value() && arrived_.WaitUntil(mutex_, deadline)) {
  }
  std::optional<ConnectionSlice> slice = std::move(expected_.at(id));
  expected_.erase(id);
  return slice;
}

void PendingReplies::Push(ConnectionSlice slice) {
  {
    const MutexLock lock(mutex_);
    const auto found = expected_.find(slice.id);
    if (found == expected_.end()) return;
    found->second = std::move(slice);
  }
  arrived_.NotifyAll();
}

void EventRing::SetWatched(bool watched) {
  watched_.store(watched, std::memory_order_relaxed);
  if (watched) return;
  const MutexLock lock(mutex_);
  events_.clear();
  events_.shrink_to_fit();
  dropped_ = 0;
}

void EventRing::Push(ConnectionEvent event) {
  const MutexLock lock(mutex_);
  if (!watched()) return;  // the watch has ended; the next one must not see it
  if (events_.size() >= kEventsMax) {
    ++dropped_;
    return;
  }
  events_.push_back(std::move(event));
}

std::uint64_t EventRing::Take(std::vector<ConnectionEvent>& into) {
  const MutexLock lock(mutex_);
  into.insert(into.end(), events_.begin(), events_.end());
  events_.clear();
  return std::exchange(dropped_, 0);
}

}  // namespace echogw
