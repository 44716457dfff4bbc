// A table of text columns: every column as wide as its widest cell, two spaces between, numbers to
// the right. Widths count characters, not bytes, so that µ takes one place.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echogw::ctl {

enum class Align { kLeft, kRight };

class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // Titles separated by '|'; one of numbers begins with '>'.
  explicit Table(std::string_view titles);

  // Missing cells are empty; cells past the last column are dropped.
  void AddRow(std::vector<std::string> cells);
  // Header and rows, each line ended and without trailing blanks. `colour` underlines the header.
  void Print(std::ostream& out, bool colour) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Characters of UTF-8 text.
std::size_t DisplayWidth(std::string_view text);

}  // namespace echogw::ctl
