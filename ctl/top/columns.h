// The columns of the table of reactors: titles, widths, texts and orders. Pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/top/model.h"

namespace echogw::ctl::top {

enum class Column : std::size_t {
  kId,
  kCpu,
  kState,
  kLoad,
  kConnections,
  kAccepts,
  kMessages,
  kReceived,
  kSent,
  kEvents,
  kQueue,
  kWeight,
};

struct ColumnSpec {
  std::string_view title;
  // With the blank before it. The load column takes what the terminal has left.
  int width;
  bool left;
  // The order in which it is sorted first.
  bool largest_first;
  // What rows are ordered by; less than any number if it is not known.
  double (*key)(const ReactorRow& row);
  // What the cell says; for the load without its bar. "-" for what is not known.
  std::string (*text)(const ReactorRow& row);
};

// By the values of Column.
extern const std::array<ColumnSpec, 12> kColumns;

inline const ColumnSpec& SpecOf(Column column) {
  return kColumns[static_cast<std::size_t>(column)];
}

// The column `steps` further to the right, around the end.
Column NextColumn(Column column, int steps);

inline std::string ColumnText(const ReactorRow& row, Column column) {
  return SpecOf(column).text(row);
}

// By the column; rows that are equal in it, or where it is not known, by their ids.
std::vector<ReactorRow> Sorted(std::vector<ReactorRow> rows, Column column, bool descending);

// 512, 1.50K, 2.00G: at most five characters.
std::string CompactBytes(double bytes);

}  // namespace echogw::ctl::top
