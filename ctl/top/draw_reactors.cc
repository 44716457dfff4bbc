#include <algorithm>
#include <string>

#include "ctl/top/draw.h"

namespace echogw::ctl::top {
namespace {

// A longer bar is no clearer.
constexpr int kMostExtraBar = 24;
// Of a load column: the percentage and the blank before it.
constexpr int kPercentWidth = 5;

Style LoadStyle(double load) {
  if (load >= 0.85) return Style::kBad;
  return load >= 0.6 ? Style::kWarn : Style::kGood;
}

Style CellStyle(const ReactorRow& row, Column column) {
  if (row.state == admin::v1::REACTOR_STATE_PARKED) return Style::kDim;
  if (column == Column::kState && row.state != admin::v1::REACTOR_STATE_SERVING) {
    return Style::kWarn;
  }
  if (column == Column::kQueue && row.listeners.queue_limit > 0) {
    if (row.listeners.queue >= row.listeners.queue_limit) return Style::kBad;
    if (row.listeners.queue >= row.listeners.queue_limit / 2) return Style::kWarn;
  }
  return Style::kPlain;
}

int WidthOf(Column column, const CellGrid& grid) {
  const int extra = std::min(grid.width() - 80, kMostExtraBar);
  return SpecOf(column).width + (column == Column::kLoad ? std::max(extra, 0) : 0);
}

void DrawTitles(CellGrid& grid, const ReactorsView& view, int y) {
  grid.StyleRow(y, Style::kHeading);
  int x = 0;
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const ColumnSpec& spec = kColumns[i];
    const int width = WidthOf(static_cast<Column>(i), grid);
    const int title = CellWidth(spec.title);
    const int at = spec.left ? x + 1 : x + width - title;
    grid.Put(at, y, spec.title, Style::kHeading);
    if (static_cast<Column>(i) == view.sort) {
      grid.Put(at - 1, y, view.descending ? "▼" : "▲", Style::kHeading);
    }
    x += width;
  }
}

void DrawRow(CellGrid& grid, const ReactorRow& row, int y) {
  int x = 0;
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const auto column = static_cast<Column>(i);
    const int width = WidthOf(column, grid);
    const std::string text = ColumnText(row, column);
    const Style style = CellStyle(row, column);
    if (column == Column::kLoad && row.rates && row.rates->busy) {
      grid.Put(x + 1, y, Bar(*row.rates->busy, width - 1 - kPercentWidth),
               LoadStyle(*row.rates->busy));
    }
    if (kColumns[i].left && column != Column::kLoad) {
      grid.Put(x + 1, y, text, style, width - 1);
    } else {
      grid.PutRight(x + width, y, text, width - 1, style);
    }
    x += width;
  }
}

}  // namespace

void DrawReactors(CellGrid& grid, TopState& state, int top, int bottom, bool selection) {
  DrawTitles(grid, state.reactors, top);
  const std::vector<ReactorRow> rows = state.SortedRows();
  const int count = static_cast<int>(rows.size());
  ListCursor& cursor = state.reactors.cursor;
  for (int i = 0; i < count; ++i) {
    if (rows[static_cast<std::size_t>(i)].id == state.reactors.selected) cursor.selected = i;
  }
  DrawList(grid, state, cursor, count, top + 1, bottom, bottom, selection,
           [&](int i, int y) { DrawRow(grid, rows[static_cast<std::size_t>(i)], y); });
}

}  // namespace echogw::ctl::top
