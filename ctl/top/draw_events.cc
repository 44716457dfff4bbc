#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "ctl/top/draw.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl::top {
namespace {

using admin::v1::Event;

// The rows below the list that say all of the selected event.
constexpr int kDetailRows = 3;
// Where columns begin, and how wide they are at most.
constexpr int kTimeAt = 1;
constexpr int kSeverityAt = 11;
constexpr int kKindAt = 20;
constexpr int kKindWidth = 11;
constexpr int kActorAt = 32;
constexpr int kActorWidth = 15;
constexpr int kMessageAt = 48;

Style StyleOf(admin::v1::EventSeverity severity) {
  if (severity == admin::v1::EVENT_SEVERITY_ERROR) return Style::kBad;
  return severity == admin::v1::EVENT_SEVERITY_WARNING ? Style::kWarn : Style::kPlain;
}

void DrawEvent(CellGrid& grid, const Event& event, int y) {
  grid.Put(kTimeAt, y, ClockText(event.time().seconds()));
  grid.Put(kSeverityAt, y, EnumText(event.severity()), StyleOf(event.severity()), 8);
  grid.Put(kKindAt, y, event.kind(), Style::kPlain, kKindWidth);
  // gRPC's "ipv4:127.0.0.1:51234" without the family, which can be seen.
  const std::string_view peer = event.actor();
  grid.Put(kActorAt, y, peer.substr(peer.starts_with("ipv4:") || peer.starts_with("ipv6:") ? 5 : 0),
           Style::kPlain, kActorWidth);
  grid.Put(kMessageAt, y, event.message(), StyleOf(event.severity()));
}

std::string WholeText(const Event& event) {
  std::string text = absl::StrCat("By ", event.actor());
  if (event.operation() != 0) absl::StrAppend(&text, ", operation ", event.operation());
  absl::StrAppend(&text, ": ", event.message());
  return text;
}

}  // namespace

void DrawEvents(CellGrid& grid, TopState& state, int top, int bottom) {
  EventsView& view = state.events;
  grid.Put(1, top, "Events, newest first", Style::kBold);
  grid.StyleRow(top + 1, Style::kHeading);
  grid.Put(kTimeAt, top + 1, "TIME UTC", Style::kHeading);
  grid.Put(kSeverityAt, top + 1, "SEVERITY", Style::kHeading);
  grid.Put(kKindAt, top + 1, "KIND", Style::kHeading);
  grid.Put(kActorAt, top + 1, "ACTOR", Style::kHeading);
  grid.Put(kMessageAt, top + 1, "MESSAGE", Style::kHeading);
  const int first = top + 2;
  const int last = bottom - kDetailRows;
  const int count = static_cast<int>(view.events.size());
  state.page = std::max(last - first, 1);
  if (DrawNoRows(grid, view.loading, count, first, "no events")) return;
  const auto event = [&](int i) -> const Event& {
    return view.events[static_cast<std::size_t>(i)];
  };
  DrawList(grid, state, view.cursor, count, first, last, bottom, true,
           [&](int i, int y) { DrawEvent(grid, event(i), y); });
  DrawWrapped(grid, last, kDetailRows, WholeText(event(view.cursor.selected)), Style::kPlain);
}

}  // namespace echogw::ctl::top
