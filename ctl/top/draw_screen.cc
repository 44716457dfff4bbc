// The frame around the views: footer, keys, help.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ctl/top/draw.h"

namespace echogw::ctl::top {
namespace {

struct KeyHint {
  std::string_view key;
  std::string_view what;
  // Shown even if the terminal is too narrow for all.
  bool important = true;
};

const std::vector<KeyHint>& HintsOf(const TopState& state) {
  static const std::vector<KeyHint> kReactors = {{"Enter", "conns"},
                                                 {"s", "sort"},
                                                 {"r", "reverse", false},
                                                 {"d", "drain"},
                                                 {"u", "undrain"},
                                                 {"+-R", "resize"},
                                                 {"b", "rebalance", false},
                                                 {"D", "drain all", false},
                                                 {"e", "events"},
                                                 {"Space", "pause", false},
                                                 {"h", "help"},
                                                 {"q", "quit"}};
  static const std::vector<KeyHint> kConnections = {
      {"Enter", "details"},      {"s", "sort"}, {"x", "close"}, {"X", "reset"}, {"Esc", "back"},
      {"Space", "pause", false}, {"h", "help"}, {"q", "quit"}};
  static const std::vector<KeyHint> kDetail = {
      {"x", "close"}, {"X", "reset"}, {"Esc", "back"}, {"h", "help"}, {"q", "quit"}};
  static const std::vector<KeyHint> kEvents = {
      {"Esc", "back"}, {"Space", "pause"}, {"h", "help"}, {"q", "quit"}};
  static const std::vector<KeyHint> kHelp = {{"any key", "back"}, {"q", "quit"}};
  switch (state.view) {
    case View::kConnections:
      return state.connections.detail_id ? kDetail : kConnections;
    case View::kEvents:
      return kEvents;
    case View::kHelp:
      return kHelp;
    case View::kReactors:
      break;
  }
  return kReactors;
}

int WidthOf(const KeyHint& hint) { return CellWidth(hint.key) + CellWidth(hint.what) + 3; }

void DrawKeys(CellGrid& grid, const TopState& state) {
  const std::vector<KeyHint>& hints = HintsOf(state);
  // The others share the room that the important ones leave, from the left.
  int room = grid.width() + 1;
  for (const KeyHint& hint : hints) {
    if (hint.important) room -= WidthOf(hint);
  }
  const int y = grid.height() - 1;
  int x = 1;
  for (const KeyHint& hint : hints) {
    if (!hint.important) {
      if (WidthOf(hint) > room) continue;
      room -= WidthOf(hint);
    }
    x = grid.Put(x, y, hint.key, Style::kBold) + 1;
    x = grid.Put(x, y, hint.what, Style::kDim) + 2;
  }
}

void DrawStatus(CellGrid& grid, const TopState& state, int y) {
  // The text covers the position in the list.
  const auto say = [&](std::string text, Style style) {
    text.resize(
        text.size() + static_cast<std::size_t>(std::max(grid.width() - 1 - CellWidth(text), 0)),
        ' ');
    grid.Put(1, y, text, style);
  };
  if (state.prompt) {
    const bool typed =
        state.prompt->kind == Prompt::Kind::kWord || state.prompt->kind == Prompt::Kind::kReactors;
    say(typed ? absl::StrCat(state.prompt->question, " ", state.prompt->text, "_")
              : state.prompt->question,
        Style::kBold);
    return;
  }
  if (!state.status) return;
  const ActionNews& news = state.status->news;
  say(news.text, news.tone == ActionNews::Tone::kRunning ? Style::kPlain
                 : news.tone == ActionNews::Tone::kDone  ? Style::kGood
                                                         : Style::kBad);
}

// An error is a sentence or two.
constexpr int kErrorRows = 3;

constexpr std::array<KeyHint, 15> kHelpLines = {{
    {"Up Down j k", "select; also PgUp PgDn Home End"},
    {"< > s Left Right", "sort by another column"},
    {"r", "reverse the order"},
    {"Enter", "connections of the reactor; there: details of one"},
    {"d", "drain the reactor: its connections move to others"},
    {"u", "undrain the gateway if it is drained, else the reactor"},
    {"+ -", "add or remove a reactor"},
    {"R", "resize to a number of reactors"},
    {"b", "rebalance connections once"},
    {"D", "drain the gateway: all connections are closed"},
    {"x X", "close a connection with FIN, or reset it with RST"},
    {"e", "events: actions of operators and of the gateway"},
    {"Space", "pause the screen"},
    {"Esc  Ctrl-L", "back; redraw the screen"},
    {"q Ctrl-C", "quit; a running operation continues"},
}};

}  // namespace

void DrawWrapped(CellGrid& grid, int y, int rows, std::string_view text, Style style) {
  const auto width = static_cast<std::size_t>(grid.width() - 2);
  for (int row = 0; row < rows && !text.empty(); ++row) {
    std::size_t cut = text.size();
    // Counts bytes, which are never fewer than cells.
    if (cut > width && row + 1 < rows) {
      cut = text.rfind(' ', width);
      if (cut == std::string_view::npos || cut == 0) cut = width;
    }
    grid.Put(1, y + row, text.substr(0, cut), style, grid.width() - 2);
    text.remove_prefix(cut);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  }
}

void DrawList(CellGrid& grid, TopState& state, ListCursor& cursor, int count, int top, int bottom,
              int position, bool selection, const std::function<void(int, int)>& draw_row) {
  const int rows = std::max(bottom - top, 1);
  state.page = rows;
  cursor.Fit(count, rows);
  const int end = std::min(cursor.top + rows, count);
  for (int i = cursor.top; i < end; ++i) {
    const int y = top + i - cursor.top;
    draw_row(i, y);
    if (selection && i == cursor.selected) grid.StyleRow(y, Style::kSelected);
  }
  if (!selection || count <= rows) return;
  const std::string text = absl::StrCat(cursor.top + 1, "-", end, " of ", count);
  grid.PutRight(grid.width() - 1, position, text, grid.width() / 2, Style::kDim);
}

void DrawTitles(CellGrid& grid, int y, const std::vector<ListColumn>& columns) {
  std::vector<ListCell> titles;
  for (const ListColumn& column : columns) {
    titles.push_back({std::string(column.title), Style::kHeading});
  }
  grid.StyleRow(y, Style::kHeading);
  DrawRow(grid, y, columns, titles);
}

void DrawRow(CellGrid& grid, int y, const std::vector<ListColumn>& columns,
             const std::vector<ListCell>& cells) {
  int x = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const int width = columns[i].width;
    if (columns[i].left) {
      grid.Put(x + 1, y, cells[i].text, cells[i].style, width - 1);
    } else {
      grid.PutRight(x + width, y, cells[i].text, width - 1, cells[i].style);
    }
    x += width;
  }
}

bool DrawNoRows(CellGrid& grid, const Loading& loading, int count, int y, std::string_view empty) {
  if (!loading.error.empty()) {
    DrawWrapped(grid, y, kErrorRows, loading.error, Style::kWarn);
  } else if (!loading.loaded) {
    grid.Put(1, y, "loading", Style::kDim);
  } else if (count == 0) {
    grid.Put(1, y, empty, Style::kDim);
  }
  return !loading.error.empty() || count == 0;
}

void DrawHelp(CellGrid& grid, int top, int bottom) {
  int y = top;
  for (const KeyHint& line : kHelpLines) {
    if (y >= bottom) return;
    grid.Put(2, y, line.key, Style::kBold);
    grid.Put(20, y, line.what);
    ++y;
  }
}

void DrawScreen(CellGrid& grid, TopState& state, TopClock::time_point now) {
  DrawHeader(grid, state, now);
  const int status = grid.height() - 2;
  switch (state.view) {
    case View::kReactors:
      DrawReactors(grid, state, kHeaderRows, status, true);
      break;
    case View::kConnections:
      DrawConnections(grid, state, kHeaderRows, status);
      break;
    case View::kEvents:
      DrawEvents(grid, state, kHeaderRows, status);
      break;
    case View::kHelp:
      DrawHelp(grid, kHeaderRows + 1, status);
      break;
  }
  DrawStatus(grid, state, status);
  DrawKeys(grid, state);
}

void DrawTooSmall(CellGrid& grid, int least_width, int least_height) {
  grid.Put(0, 0, absl::StrCat("top needs ", least_width, "x", least_height), Style::kBold);
  grid.Put(0, 1, absl::StrCat("this is ", grid.width(), "x", grid.height()));
  grid.Put(0, 2, "enlarge it, or q quits");
}

CellGrid DrawPlain(TopState& state, int width) {
  const int rows = static_cast<int>(state.shown().rows().size());
  CellGrid grid(width, kHeaderRows + 1 + rows);
  DrawHeader(grid, state, *state.fresh);
  DrawReactors(grid, state, kHeaderRows, grid.height(), false);
  return grid;
}

}  // namespace echogw::ctl::top
