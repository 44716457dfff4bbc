#include "server/event_log.h"

#include <algorithm>
#include <utility>

namespace echogw {

const char* EventKind(OperationKind kind) {
  switch (kind) {
    case OperationKind::kResize:
      return "resize";
    case OperationKind::kMove:
      return "move";
    case OperationKind::kRebalance:
      return "rebalance";
    case OperationKind::kDrainReactor:
    case OperationKind::kDrainGateway:
      break;
  }
  return "drain";
}

void EventLog::Add(Event event) {
  const std::scoped_lock lock(mutex_);
  event.id = ++last_id_;
  event.time = std::chrono::system_clock::now();
  events_.push_back(std::move(event));
  if (events_.size() > kKept) events_.pop_front();
}

EventLog::Batch EventLog::After(std::uint64_t after, std::size_t limit) const {
  const std::scoped_lock lock(mutex_);
  Batch batch;
  if (events_.empty()) return batch;
  const std::uint64_t first = events_.front().id;
  if (after + 1 < first) batch.dropped = first - after - 1;
  auto begin = std::partition_point(events_.begin(), events_.end(),
                                    [after](const Event& e) { return e.id <= after; });
  const auto n = static_cast<std::size_t>(events_.end() - begin);
  if (n > limit) begin += static_cast<std::ptrdiff_t>(n - limit);
  batch.events.assign(begin, events_.end());
  return batch;
}

}  // namespace echogw
