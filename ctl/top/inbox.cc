#include "ctl/top/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>
#include <variant>

namespace echogw::ctl::top {
namespace {

bool IsSnapshot(const TopMessage& message) {
  return std::holds_alternative<admin::v1::GetStatsResponse>(message);
}

}  // namespace

TopInbox::TopInbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

TopInbox::~TopInbox() {
  if (fd_ >= 0) close(fd_);
}

void TopInbox::Post(TopMessage message) {
  {
    const std::lock_guard lock(mutex_);
    // Rates are computed over the gap, so that only the newest snapshot matters.
    const bool replaces = !messages_.empty() && IsSnapshot(messages_.back()) && IsSnapshot(message);
    if (replaces) messages_.pop_back();
    messages_.push_back(std::move(message));
  }
  Wake();
}

void TopInbox::Wake() const {
  const std::uint64_t one = 1;
  // Fails only when the count is full; the reader is awake then.
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
}

std::vector<TopMessage> TopInbox::Take() {
  // The count first, so that a later post wakes the reader again.
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(fd_, &count, sizeof(count));
  const std::lock_guard lock(mutex_);
  return std::exchange(messages_, {});
}

}  // namespace echogw::ctl::top
