// The limits of the data plane as the slots have them: in force for the reactors that run, and for
// those that start later.

#include <chrono>

#include "server/pool/slot.h"

namespace echogw::server {

Limits SlotSet::limits() const {
  const std::scoped_lock lock(mutex_);
  return limits_;
}

std::vector<std::uint64_t> SlotSet::SetLimits(const Limits& limits, PendingReplies& replies) {
  std::vector<std::uint64_t> ids;
  const std::scoped_lock lock(mutex_);
  if (limits.accept_rate != limits_.accept_rate || limits.accept_burst != limits_.accept_burst) {
    limiter_.ResetAccepts();
  }
  limits_ = limits;
  for (const auto& slot : slots_) {
    const std::uint64_t id = NextCommandId();
    replies.Expect(id);
    if (slot->mailbox->PostUnbounded(echogw::SetLimits{id, &replies, limits})) {
      ids.push_back(id);
    } else {
      (void)replies.WaitFor(id, std::chrono::nanoseconds(0));  // no reactor runs there
    }
  }
  return ids;
}

}  // namespace echogw::server
