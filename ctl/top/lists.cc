#include "ctl/top/lists.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace echogw::ctl::top {
namespace {

using TimePoint = TopClock::time_point;

// A list costs the gateway more than a snapshot does.
constexpr Duration kListInterval = std::chrono::seconds(1);
// Rows of a request; the list of connections says if there are more.
constexpr std::uint32_t kMostRows = 500;

bool IsDue(const Loading& loading, Duration interval, TimePoint now) {
  if (loading.awaiting) return false;
  return !loading.asked || now - *loading.asked >= std::max(interval, kListInterval);
}

void Load(TopState& state, Loading& loading, TopRequest request, TimePoint now) {
  state.requests.push_back(std::move(request));
  loading.awaiting = true;
  loading.asked = now;
}

void LoadConnections(TopState& state, TimePoint now) {
  ConnectionsView& view = state.connections;
  admin::v1::ListConnectionsRequest request;
  request.mutable_filter()->add_reactors(view.reactor);
  request.set_sort(view.sort);
  request.set_page_size(kMostRows);
  Load(state, view.loading, std::move(request), now);
}

void LoadDetail(TopState& state, TimePoint now) {
  admin::v1::GetConnectionRequest request;
  request.set_id(*state.connections.detail_id);
  Load(state, state.connections.detail_loading, request, now);
}

void LoadEvents(TopState& state, TimePoint now) {
  admin::v1::ListEventsRequest request;
  request.set_limit(kMostRows);
  Load(state, state.events.loading, request, now);
}

void Answered(Loading& loading, const std::string& error) {
  loading.awaiting = false;
  loading.loaded = true;
  loading.error = error;
}

// Moves the selection to the row with this id, if there is one.
template <typename Rows>
void Reselect(ListCursor& cursor, const Rows& rows, std::uint64_t id) {
  const auto at =
      std::find_if(rows.begin(), rows.end(), [id](const auto& row) { return row.id() == id; });
  if (id != 0 && at != rows.end()) cursor.selected = static_cast<int>(at - rows.begin());
  cursor.Move(0, static_cast<int>(rows.size()));
}

}  // namespace

void OpenConnections(TopState& state) {
  if (state.shown().Find(state.reactors.selected) == nullptr) return;
  const auto sort = state.connections.sort;
  state.connections = {};
  state.connections.sort = sort;
  state.connections.reactor = state.reactors.selected;
  state.view = View::kConnections;
}

void OpenDetail(TopState& state, TimePoint now) {
  ConnectionsView& view = state.connections;
  const admin::v1::Connection* selected = view.Selected();
  if (selected == nullptr || view.detail_id) return;
  view.detail_id = selected->id();
  view.detail_loading = {};
  LoadDetail(state, now);
}

void OpenEvents(TopState& state) {
  state.events = {};
  state.view = View::kEvents;
}

void SortConnections(TopState& state, int steps, TimePoint now) {
  // The order by id, 0, is left out: it has pages.
  constexpr int kSorts = 4;
  ConnectionsView& view = state.connections;
  const int at = (static_cast<int>(view.sort) - 1 + steps + kSorts) % kSorts;
  view.sort = static_cast<admin::v1::ConnectionSort>(at + 1);
  view.cursor = {};
  LoadConnections(state, now);
}

void RefreshLists(TopState& state, TimePoint now) {
  if (state.frozen || state.lost) return;
  const auto is_due = [&](const Loading& loading) { return IsDue(loading, state.interval, now); };
  const ConnectionsView& view = state.connections;
  if (state.view == View::kConnections && is_due(view.loading)) LoadConnections(state, now);
  if (state.view == View::kConnections && view.detail_id && is_due(view.detail_loading)) {
    LoadDetail(state, now);
  }
  if (state.view == View::kEvents && is_due(state.events.loading)) LoadEvents(state, now);
}

void Take(TopState& state, ConnectionsPage page) {
  ConnectionsView& view = state.connections;
  const auto& reactors = page.request.filter().reactors();
  if (reactors.size() != 1 || reactors[0] != view.reactor || page.request.sort() != view.sort) {
    return;
  }
  Answered(view.loading, page.error);
  if (!page.error.empty()) return;
  const admin::v1::Connection* selected = view.Selected();
  const std::uint64_t id = selected == nullptr ? 0 : selected->id();
  view.response = std::move(page.response);
  Reselect(view.cursor, view.response.connections(), id);
}

void Take(TopState& state, DetailPage page) {
  ConnectionsView& view = state.connections;
  if (view.detail_id != page.id) return;
  Answered(view.detail_loading, page.error);
  view.detail = std::move(page);
}

void Take(TopState& state, EventsPage page) {
  EventsView& view = state.events;
  Answered(view.loading, page.error);
  if (!page.error.empty()) return;
  // At the top the newest stays in sight; further down the selection stays with its event.
  const auto at = static_cast<std::size_t>(view.cursor.selected);
  const std::uint64_t id = at > 0 && at < view.events.size() ? view.events[at].id() : 0;
  view.events.assign(page.response.events().rbegin(), page.response.events().rend());
  Reselect(view.cursor, view.events, id);
}

}  // namespace echogw::ctl::top
