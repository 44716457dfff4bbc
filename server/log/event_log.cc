#include "server/log/event_log.h"

#include <algorithm>
#include <utility>

#include "server/base/plain_text.h"

namespace echogw::server {
namespace {

// An event fits into one message of gRPC a thousand times over.
constexpr std::size_t kActorMax = 256;
constexpr std::size_t kMessageMax = 1024;
constexpr char kGateway[] = "gateway";

}  // namespace

const char* EventKind(OperationKind kind) {
  switch (kind) {
    case OperationKind::kResize:
      return "resize";
    case OperationKind::kMove:
      return "move";
    case OperationKind::kRebalance:
      return "rebalance";
    case OperationKind::kUpgrade:
      return "upgrade";
    case OperationKind::kDrainReactor:
    case OperationKind::kDrainGateway:
      break;
  }
  return "drain";
}

EventLog::Entry& EventLog::Append() {
  Entry& added = entries_.emplace_back();
  added.event.id = ++last_id_;
  added.event.time = std::chrono::system_clock::now();
  if (entries_.size() > kKept) {
    dropped_ = entries_.front().event.id;
    entries_.pop_front();
  }
  return added;
}

void EventLog::Entry::Take(Event from) {
  from.actor = PlainText(from.actor, kActorMax);
  from.message = PlainText(from.message, kMessageMax);
  from.id = event.id;
  from.time = event.time;
  event = std::move(from);
  open = false;
}

std::deque<EventLog::Entry>::iterator EventLog::Find(std::uint64_t id) {
  const auto at = std::partition_point(entries_.begin(), entries_.end(),
                                       [id](const Entry& e) { return e.event.id < id; });
  // A reservation that is a thousand events old is gone.
  return at != entries_.end() && at->event.id == id ? at : entries_.end();
}

void EventLog::Add(Event event) {
  const MutexLock lock(mutex_);
  Append().Take(std::move(event));
}

const std::string* EventLog::ActorOf(std::uint64_t operation) const {
  const auto first = std::find_if(entries_.rbegin(), entries_.rend(), [operation](const Entry& e) {
    return e.event.operation == operation;
  });
  return first == entries_.rend() ? nullptr : &first->event.actor;
}

void EventLog::AddOperation(const Operation& operation) {
  if (operation.dry_run) return;
  const bool succeeded = operation.result == OperationResult::kSucceeded;
  const MutexLock lock(mutex_);
  const std::string* actor = ActorOf(operation.id);
  Event event{.severity = succeeded ? EventSeverity::kInfo : EventSeverity::kWarning,
              .kind = EventKind(operation.kind),
              .actor = actor == nullptr ? kGateway : *actor,
              .message = operation.message,
              .operation = operation.id};
  Append().Take(std::move(event));
}

std::uint64_t EventLog::Reserve() {
  const MutexLock lock(mutex_);
  Entry& added = Append();
  added.open = true;
  return added.event.id;
}

void EventLog::Fill(std::uint64_t id, Event event) {
  const MutexLock lock(mutex_);
  const auto at = Find(id);
  if (at == entries_.end()) return;
  at->Take(std::move(event));
  if (at->event.operation == 0) return;
  // The operation may have ended meanwhile.
  for (auto later = at + 1; later != entries_.end(); ++later) {
    if (later->event.operation == at->event.operation) later->event.actor = at->event.actor;
  }
}

void EventLog::GiveUp(std::uint64_t id) {
  const MutexLock lock(mutex_);
  const auto at = Find(id);
  if (at == entries_.end()) return;
  entries_.erase(at);
  // It was not visible to readers.
  if (id == last_id_) --last_id_;
}

void EventLog::Restore(std::vector<Event> events, std::uint64_t last_id) {
  const MutexLock lock(mutex_);
  std::deque<Entry> own = std::exchange(entries_, {});
  last_id_ = last_id;
  for (Event& event : events) entries_.push_back({std::move(event), false});
  for (Entry& entry : own) {
    entry.event.id = ++last_id_;
    entries_.push_back(std::move(entry));
  }
  dropped_ = entries_.empty() ? last_id_ : entries_.front().event.id - 1;
}

std::uint64_t EventLog::last_id() const {
  const MutexLock lock(mutex_);
  return last_id_;
}

EventLog::Batch EventLog::After(std::uint64_t after, std::size_t limit) const {
  const MutexLock lock(mutex_);
  Batch batch;
  if (after < dropped_) batch.dropped = dropped_ - after;
  auto begin = std::partition_point(entries_.begin(), entries_.end(),
                                    [after](const Entry& e) { return e.event.id <= after; });
  const auto end = std::find_if(begin, entries_.end(), [](const Entry& e) { return e.open; });
  const auto n = static_cast<std::size_t>(end - begin);
  if (n > limit) begin += static_cast<std::ptrdiff_t>(n - limit);
  for (auto at = begin; at != end; ++at) batch.events.push_back(at->event);
  return batch;
}

}  // namespace echogw::server
