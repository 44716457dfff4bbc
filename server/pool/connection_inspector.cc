#include "server/pool/connection_inspector.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"

namespace echogw::server {
namespace {

// A reactor answers between two batches of events.
constexpr std::chrono::seconds kReplyTimeout{5};
// Connections closed by one command; each takes a few system calls.
constexpr std::size_t kCloseSlice = 64;
// Events queued for a slow watcher, and for all watchers together, who have equal shares: some 400
// bytes each.
constexpr std::size_t kWatchQueueMax = 10'000;
constexpr std::size_t kWatchQueuesMax = 40'000;
// Events of one batch, which becomes one message.
constexpr std::size_t kBatchMax = 500;

ConnectionInfo InfoOf(const ConnectionRecord& record) {
  return {.id = record.ref.id,
          .reactor = record.ref.slot,
          .state = StateOf(record),
          .peer = record.peer.ToString(),
          .proxied_by = record.proxied_by.family == 0 ? "" : record.proxied_by.ToString(),
          .local = record.local_path.empty() ? record.local.ToString() : record.local_path,
          .mode = record.mode,
          .tls_version = record.tls_version,
          .tls_cipher = record.tls_cipher,
          .age = std::chrono::nanoseconds(record.age),
          .idle = std::chrono::nanoseconds(record.idle),
          .received_bytes = record.received_bytes,
          .sent_bytes = record.sent_bytes,
          .pending_bytes = record.pending_bytes};
}

std::uint64_t SortKey(const ConnectionRecord& record, ConnectionSort sort) {
  switch (sort) {
    case ConnectionSort::kAge:
      return static_cast<std::uint64_t>(record.age);
    case ConnectionSort::kIdle:
      return static_cast<std::uint64_t>(record.idle);
    case ConnectionSort::kBytes:
      return record.received_bytes + record.sent_bytes;
    case ConnectionSort::kPending:
      return record.pending_bytes;
  }
  return 0;
}

}  // namespace

// ---- watches ----

class ConnectionInspector::Watch final : public ConnectionWatch {
 public:
  Watch(ConnectionInspector& inspector, ConnectionFilter filter)
      : inspector_(inspector), filter_(std::move(filter)) {
    // The record of an opening has no age or bytes yet: these conditions would hide it.
    filter_.age_min = {};
    filter_.idle_min = {};
    filter_.bytes_min = 0;
    filter_.state.reset();
    const MutexLock lock(inspector_.watches_mutex_);
    inspector_.watches_.push_back(this);
    inspector_.Share();
  }

  ~Watch() override {
    const MutexLock lock(inspector_.watches_mutex_);
    std::erase(inspector_.watches_, this);
    inspector_.Share();
  }

  [[nodiscard]] Batch Take() override {
    const MutexLock lock(inspector_.watches_mutex_);
    inspector_.Pump();
    Batch batch{.events = {}, .dropped = std::exchange(dropped_, 0)};
    const auto end =
        queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), kBatchMax));
    std::move(queue_.begin(), end, std::back_inserter(batch.events));
    queue_.erase(queue_.begin(), end);
    batch.more = !queue_.empty();
    return batch;
  }

  // These require the inspector's watches_mutex_.
  void Trim(std::size_t queue_max) {
    if (queue_.size() <= queue_max) return;
    dropped_ += queue_.size() - queue_max;
    queue_.resize(queue_max);
  }
  void Offer(const std::vector<ConnectionEvent>& events, std::uint64_t dropped,
             std::size_t queue_max) {
    dropped_ += dropped;
    for (const ConnectionEvent& event : events) {
      if (!filter_.Matches(event.record)) continue;
      if (queue_.size() >= queue_max) {
        ++dropped_;
        continue;
      }
      queue_.push_back({InfoOf(event.record), event.opened, event.reason, event.time});
    }
  }

 private:
  ConnectionInspector& inspector_;
  ConnectionFilter filter_;
  // Under the inspector's watches_mutex_.
  std::deque<WatchedConnectionEvent> queue_;
  std::uint64_t dropped_ = 0;
};

void ConnectionInspector::Pump() {
  std::vector<ConnectionEvent> events;
  for (std::uint32_t slot = 0; slot < reactors_.count(); ++slot) {
    EventRing& ring = reactors_.events(slot);
    events.clear();
    const std::uint64_t dropped = ring.Take(events);
    for (Watch* watch : watches_) watch->Offer(events, dropped, queue_max_);
  }
}

void ConnectionInspector::Share() {
  queue_max_ =
      std::min(kWatchQueueMax, kWatchQueuesMax / std::max<std::size_t>(watches_.size(), 1));
  for (Watch* watch : watches_) watch->Trim(queue_max_);
  reactors_.RecordEvents(!watches_.empty());
  Pump();
}

std::unique_ptr<ConnectionWatch> ConnectionInspector::WatchConnections(
    const ConnectionFilter& filter) {
  return std::make_unique<Watch>(*this, filter);
}

// ---- requests ----

ConnectionInspector::~ConnectionInspector() { CHECK(watches_.empty()); }

template <typename C>
absl::StatusOr<std::optional<ConnectionSlice>> ConnectionInspector::Ask(std::uint32_t slot,
                                                                        C command) {
  const std::uint64_t id = command.id = reactors_.NextCommandId();
  command.reply = &slices_;
  slices_.Expect(id);
  const bool posted = reactors_.Post(slot, std::move(command));
  auto slice = slices_.WaitFor(
      id, posted ? std::chrono::nanoseconds(kReplyTimeout) : std::chrono::nanoseconds(0));
  // A reactor that stops closes its mailbox first: its connections have moved by then.
  if (!slice && posted && reactors_.state(slot) != ReactorState::kParked) {
    return absl::DeadlineExceededError(absl::StrCat("reactor ", slot, " did not respond"));
  }
  return slice;
}

absl::Status ConnectionInspector::Ping(std::uint32_t reactor) {
  return Ask(reactor, ReadConnections{.slots_max = 0}).status();
}

absl::StatusOr<bool> ConnectionInspector::VisitAll(const ConnectionFilter& filter,
                                                   ConnectionCursor from, const Visitor& visit) {
  for (const std::uint32_t slot : reactors_.Running()) {
    if (slot < from.reactor || !filter.Includes(slot)) continue;
    std::optional<std::uint32_t> index = slot == from.reactor ? from.index : 0;
    while (index) {
      const auto slice = Ask(slot, ReadConnections{.from_index = *index});
      if (!slice.ok()) return slice.status();
      if (!*slice) break;
      for (const ConnectionRecord& record : (*slice)->records) {
        if (filter.Matches(record) && visit(record) == Visit::kEnough) return false;
      }
      index = (*slice)->next_index;
    }
  }
  return true;
}

absl::StatusOr<ConnectionPage> ConnectionInspector::ListConnections(const ConnectionQuery& query) {
  if (query.sort) return ListSorted(query);
  ConnectionPage page;
  const auto all = VisitAll(query.filter, query.from, [&](const ConnectionRecord& record) {
    if (page.connections.size() == query.page_size) {
      // One more than fits: the next page begins here.
      page.next = ConnectionCursor{record.ref.slot, record.ref.index};
      return Visit::kEnough;
    }
    page.connections.push_back(InfoOf(record));
    return Visit::kNext;
  });
  if (!all.ok()) return all.status();
  if (*all && query.from.reactor == 0 && query.from.index == 0) {
    page.total = page.connections.size();
  }
  return page;
}

absl::StatusOr<ConnectionPage> ConnectionInspector::ListSorted(const ConnectionQuery& query) {
  const ConnectionSort sort = *query.sort;
  auto before = [sort](const ConnectionRecord& a, const ConnectionRecord& b) {
    const std::uint64_t key_a = SortKey(a, sort);
    const std::uint64_t key_b = SortKey(b, sort);
    return key_a != key_b ? key_a > key_b : a.ref.id < b.ref.id;
  };
  // At most two pages are held at a time.
  std::vector<ConnectionRecord> best;
  std::uint64_t total = 0;
  const auto all = VisitAll(query.filter, {}, [&](const ConnectionRecord& record) {
    ++total;
    best.push_back(record);
    if (best.size() >= std::size_t{2} * query.page_size) {
      std::nth_element(best.begin(), best.begin() + query.page_size - 1, best.end(), before);
      best.resize(query.page_size);
    }
    return Visit::kNext;
  });
  if (!all.ok()) return all.status();
  std::sort(best.begin(), best.end(), before);
  if (best.size() > query.page_size) best.resize(query.page_size);
  ConnectionPage page{.total = total};
  for (const ConnectionRecord& record : best) page.connections.push_back(InfoOf(record));
  return page;
}

absl::StatusOr<ConnectionDetail> ConnectionInspector::GetConnection(std::uint64_t id) {
  const absl::Status gone =
      absl::NotFoundError(absl::StrCat("no connection ", id, ": it has closed or never existed"));
  // It may move between the search and the inspection: search once more.
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::optional<ConnectionRef> ref;
    const auto all = VisitAll({}, {}, [&](const ConnectionRecord& record) {
      if (record.ref.id != id) return Visit::kNext;
      ref = record.ref;
      return Visit::kEnough;
    });
    if (!all.ok()) return all.status();
    if (!ref) return gone;
    const auto slice = Ask(ref->slot, InspectConnection{.ref = *ref});
    if (!slice.ok()) return slice.status();
    if (!*slice || (*slice)->records.empty()) continue;
    return ConnectionDetail{InfoOf((*slice)->records.front()), (*slice)->tcp};
  }
  return gone;
}

absl::StatusOr<std::vector<ConnectionRef>> ConnectionInspector::Find(
    const ConnectionFilter& filter, const std::set<std::uint64_t>& ids) {
  std::vector<ConnectionRef> refs;
  const auto all = VisitAll(filter, {}, [&](const ConnectionRecord& record) {
    if (ids.empty() || ids.contains(record.ref.id)) refs.push_back(record.ref);
    return !ids.empty() && refs.size() == ids.size() ? Visit::kEnough : Visit::kNext;
  });
  if (!all.ok()) return all.status();
  return refs;
}

absl::StatusOr<CloseResult> ConnectionInspector::CloseConnections(const CloseRequest& request) {
  if (request.ids.empty() == request.filter.empty()) {
    return absl::InvalidArgumentError("give either ids or a filter with at least one condition");
  }
  std::set<std::uint64_t> left(request.ids.begin(), request.ids.end());
  CloseResult result;
  // A connection may move between the search and the close: search once more for those.
  for (int attempt = 0; attempt < 2 && (attempt == 0 || !left.empty()); ++attempt) {
    auto refs = Find(request.filter, left);
    if (!refs.ok()) return refs.status();
    auto closed = [&](const ConnectionRef& ref) {
      ++result.closed;
      left.erase(ref.id);
    };
    if (request.dry_run) {
      std::for_each(refs->begin(), refs->end(), closed);
      continue;
    }
    std::stable_sort(refs->begin(), refs->end(),
                     [](const auto& a, const auto& b) { return a.slot < b.slot; });
    for (auto begin = refs->begin(); begin != refs->end();) {
      CloseSome command{.reset = request.reset};
      const std::uint32_t slot = begin->slot;
      while (begin != refs->end() && begin->slot == slot && command.refs.size() < kCloseSlice) {
        command.refs.push_back(*begin++);
      }
      const auto slice = Ask(slot, std::move(command));
      if (!slice.ok()) return slice.status();
      if (!*slice) continue;
      for (const ConnectionRecord& record : (*slice)->records) closed(record.ref);
    }
  }
  result.not_found.assign(left.begin(), left.end());
  return result;
}

}  // namespace echogw::server
