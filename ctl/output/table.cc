#include "ctl/output/table.h"

#include <algorithm>

#include "ctl/base/printable.h"

namespace echogw::ctl {
namespace {

constexpr std::string_view kUnderline = "\x1b[4m";
constexpr std::string_view kPlain = "\x1b[0m";

// `cell` brought to `width`; the last column is not filled on its right.
std::string Pad(const std::string& cell, std::size_t width, Align align, bool last) {
  const std::size_t used = DisplayWidth(cell);
  const std::string fill(width > used ? width - used : 0, ' ');
  if (align == Align::kRight) return fill + cell;
  return last ? cell : cell + fill;
}

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  // Every byte that does not continue a character begins one.
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

Table::Table(std::string_view titles) {
  while (!titles.empty()) {
    const std::size_t end = std::min(titles.find('|'), titles.size());
    std::string_view title = titles.substr(0, end);
    const bool right = title.starts_with('>');
    if (right) title.remove_prefix(1);
    columns_.push_back({std::string(title), right ? Align::kRight : Align::kLeft});
    titles.remove_prefix(std::min(end + 1, titles.size()));
  }
}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out, bool colour) const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(DisplayWidth(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) text += "  ";
      text += Pad(cell_of(i), widths[i], columns_[i].align, i + 1 == columns_.size());
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  const std::string header =
      line([&](std::size_t i) -> const std::string& { return columns_[i].title; });
  if (colour) {
    out << kUnderline << header << kPlain << '\n';
  } else {
    out << header << '\n';
  }
  for (const auto& row : rows_) {
    out << line([&](std::size_t i) -> const std::string& { return row[i]; }) << '\n';
  }
}

}  // namespace echogw::ctl
