#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ctl/top/draw.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl::top {
namespace {

using admin::v1::Event;

// The rows below the list that say all of the selected event.
constexpr int kDetailRows = 3;
const std::vector<ListColumn> kColumnsOfEvents = {{"TIME UTC", 10, true},
                                                  {"SEVERITY", 9, true},
                                                  {"KIND", 12, true},
                                                  {"ACTOR", 16, true},
                                                  {"MESSAGE", 1 << 16, true}};

Style StyleOf(admin::v1::EventSeverity severity) {
  if (severity == admin::v1::EVENT_SEVERITY_ERROR) return Style::kBad;
  return severity == admin::v1::EVENT_SEVERITY_WARNING ? Style::kWarn : Style::kPlain;
}

std::vector<ListCell> CellsOf(const Event& event) {
  // gRPC's "ipv4:127.0.0.1:51234" without the family, which can be seen.
  const std::string& actor = event.actor();
  const bool family = actor.starts_with("ipv4:") || actor.starts_with("ipv6:");
  return {{ClockText(event.time().seconds())},
          {EnumText(event.severity()), StyleOf(event.severity())},
          {event.kind()},
          {actor.substr(family ? 5 : 0)},
          {event.message(), StyleOf(event.severity())}};
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
  DrawTitles(grid, top + 1, kColumnsOfEvents);
  const int first = top + 2;
  const int last = bottom - kDetailRows;
  const int count = static_cast<int>(view.events.size());
  state.page = std::max(last - first, 1);
  if (DrawNoRows(grid, view.loading, count, first, "no events")) return;
  const auto event = [&](int i) -> const Event& {
    return view.events[static_cast<std::size_t>(i)];
  };
  DrawList(grid, state, view.cursor, count, first, last, bottom, true,
           [&](int i, int y) { DrawRow(grid, y, kColumnsOfEvents, CellsOf(event(i))); });
  DrawWrapped(grid, last, kDetailRows, WholeText(event(view.cursor.selected)), Style::kPlain);
}

}  // namespace echogw::ctl::top
