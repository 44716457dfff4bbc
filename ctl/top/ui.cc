// What messages and time do; keys are in ui_keys.cc.
#include "ctl/top/ui.h"

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>

#include "ctl/top/draw.h"

namespace echogw::ctl::top {
namespace {

using TimePoint = TopClock::time_point;

// How long the end of an action stays in sight.
constexpr std::chrono::seconds kDoneShown{15};
constexpr std::chrono::seconds kFailedShown{60};
// Lists cost the gateway more than a snapshot does.
constexpr Duration kListInterval = std::chrono::seconds(1);

bool IsDue(const Loading& loading, Duration interval, TimePoint now) {
  if (loading.awaiting) return false;
  return !loading.asked || now - *loading.asked >= std::max(interval, kListInterval);
}

void Answered(Loading& loading, const std::string& error, TimePoint now) {
  loading.awaiting = false;
  loading.loaded = true;
  loading.error = error;
  loading.came = now;
}

}  // namespace

TopUi::TopUi(std::string target, Duration interval) {
  state_.target = std::move(target);
  state_.interval = interval;
}

void TopUi::Receive(TopMessage message, TimePoint now) {
  std::visit(
      [&](auto& it) {
        using Message = std::decay_t<decltype(it)>;
        if constexpr (std::is_same_v<Message, admin::v1::GetInfoResponse>) {
          state_.info = std::move(it);
        } else if constexpr (std::is_same_v<Message, FeedLost>) {
          state_.lost = LostFeed{std::move(it.reason), now + it.retry_in};
        } else if constexpr (std::is_same_v<Message, ActionNews>) {
          // What was done may show in the list.
          if (it.tone == ActionNews::Tone::kDone) state_.connections.loading.asked.reset();
          Say(it.tone, std::move(it.text), now);
        } else {
          Take(std::move(it), now);
        }
      },
      message);
}

void TopUi::Tick(TimePoint now) {
  if (state_.status && state_.status->until && now >= *state_.status->until) state_.status.reset();
  if (state_.frozen || state_.lost) return;
  if (state_.view == View::kConnections) {
    ConnectionsView& view = state_.connections;
    if (IsDue(view.loading, state_.interval, now)) LoadConnections(now);
    if (view.detail_id && IsDue(view.detail_loading, state_.interval, now)) LoadDetail(now);
  }
  if (state_.view == View::kEvents && IsDue(state_.events.loading, state_.interval, now)) {
    LoadEvents(now);
  }
}

std::vector<TopRequest> TopUi::TakeRequests() { return std::exchange(requests_, {}); }

void TopUi::Draw(CellGrid& grid, TimePoint now) {
  if (grid.width() < kLeastWidth || grid.height() < kLeastHeight) {
    DrawTooSmall(grid, kLeastWidth, kLeastHeight);
    return;
  }
  DrawScreen(grid, state_, now);
}

void TopUi::Take(admin::v1::GetStatsResponse stats, TimePoint now) {
  const bool first = state_.model.empty();
  state_.model.Add(stats);
  state_.fresh = now;
  state_.lost.reset();
  const std::vector<ReactorRow>& rows = state_.model.rows();
  if (first && !rows.empty()) state_.reactors.selected = rows.front().id;
}

void TopUi::Take(ConnectionsPage page, TimePoint now) {
  ConnectionsView& view = state_.connections;
  const auto& reactors = page.request.filter().reactors();
  if (reactors.size() != 1 || reactors[0] != view.reactor || page.request.sort() != view.sort) {
    // Of a list that was left.
    return;
  }
  Answered(view.loading, page.error, now);
  if (!page.error.empty()) return;
  // The selection stays with its connection.
  const admin::v1::Connection* selected = SelectedConnection();
  const std::uint64_t id = selected == nullptr ? 0 : selected->id();
  view.response = std::move(page.response);
  for (int i = 0; id != 0 && i < view.response.connections_size(); ++i) {
    if (view.response.connections(i).id() == id) view.cursor.selected = i;
  }
  view.cursor.Move(0, view.response.connections_size());
}

void TopUi::Take(DetailPage detail, TimePoint now) {
  ConnectionsView& view = state_.connections;
  if (view.detail_id != detail.id) return;
  Answered(view.detail_loading, detail.error, now);
  view.detail = std::move(detail);
}

void TopUi::Take(EventsPage page, TimePoint now) {
  EventsView& view = state_.events;
  Answered(view.loading, page.error, now);
  if (!page.error.empty()) return;
  const std::size_t at = static_cast<std::size_t>(view.cursor.selected);
  const std::uint64_t id = at < view.events.size() ? view.events[at].id() : 0;
  view.events.assign(page.response.events().rbegin(), page.response.events().rend());
  const int count = static_cast<int>(view.events.size());
  // At the top the newest stays in sight; further down the selection stays with its event.
  for (int i = 0; at != 0 && i < count; ++i) {
    if (view.events[static_cast<std::size_t>(i)].id() == id) view.cursor.selected = i;
  }
  view.cursor.Move(0, count);
}

void TopUi::Say(ActionNews::Tone tone, std::string text, TimePoint now) {
  FooterLine line;
  line.news = {tone, std::move(text)};
  if (tone == ActionNews::Tone::kDone) line.until = now + kDoneShown;
  if (tone == ActionNews::Tone::kFailed) line.until = now + kFailedShown;
  state_.status = std::move(line);
}

const admin::v1::Connection* TopUi::SelectedConnection() const {
  const ConnectionsView& view = state_.connections;
  const int at = view.cursor.selected;
  return at < view.response.connections_size() ? &view.response.connections(at) : nullptr;
}

}  // namespace echogw::ctl::top
