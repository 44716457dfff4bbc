// Draws the state of `top` on a grid. Changes the state only in what it keeps from the last
// drawing: how far lists are scrolled, and the rows of a page.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/top/cells.h"
#include "ctl/top/state.h"

namespace echogw::ctl::top {

// Rows that the header with its totals takes.
inline constexpr int kHeaderRows = 5;

// The whole screen. The grid is at least 80 by 24.
void DrawScreen(CellGrid& grid, TopState& state, TopClock::time_point now);

void DrawTooSmall(CellGrid& grid, int least_width, int least_height);

// One frame for scripts: header and every reactor, no selection, status or keys.
CellGrid DrawPlain(TopState& state, int width);

// The parts. Each draws the rows `top` to `bottom`, the latter excluded.
void DrawHeader(CellGrid& grid, const TopState& state, TopClock::time_point now);
void DrawReactors(CellGrid& grid, TopState& state, int top, int bottom, bool selection);
void DrawConnections(CellGrid& grid, TopState& state, int top, int bottom);
void DrawEvents(CellGrid& grid, TopState& state, int top, int bottom);
void DrawHelp(CellGrid& grid, int top, int bottom);

// "7 s", "2m05s": an age to the second.
std::string AgeText(Duration age);
// "22:13:20" of a day in UTC.
std::string ClockText(std::int64_t unix_seconds);

// Wraps text between words into at most `rows` rows; the rest is cut with an ellipsis.
void DrawWrapped(CellGrid& grid, int y, int rows, std::string_view text, Style style);

// Draws a list of `count` rows from row `top` to `bottom`, the latter excluded, by draw_row(i, y),
// so that the selection is seen; highlights it if `selection`, and then puts "1-16 of 64" into the
// row `position` when not everything is seen. Sets the length of a page.
void DrawList(CellGrid& grid, TopState& state, ListCursor& cursor, int count, int top, int bottom,
              int position, bool selection, const std::function<void(int i, int y)>& draw_row);

// A column of a list, and what a row has in it. The width includes the blank before it.
struct ListColumn {
  std::string_view title;
  int width;
  bool left = false;
};
struct ListCell {
  std::string text;
  Style style = Style::kPlain;
};
void DrawTitles(CellGrid& grid, int y, const std::vector<ListColumn>& columns);
void DrawRow(CellGrid& grid, int y, const std::vector<ListColumn>& columns,
             const std::vector<ListCell>& cells);

// Draws an error, "loading" or `empty` in place of a list; false when there are rows to draw.
bool DrawNoRows(CellGrid& grid, const Loading& loading, int count, int y, std::string_view empty);

}  // namespace echogw::ctl::top
