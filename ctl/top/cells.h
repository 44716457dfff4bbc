// A rectangle of character cells: what a view of `top` draws on. Knows no terminal, so that a test
// can compare a whole screen as text. Owned by the thread that draws; drawing outside is clipped.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace echogw::ctl::top {

// The meaning of a cell; the terminal decides how it looks.
enum class Style : unsigned char {
  kPlain,
  kDim,
  kBold,
  kTitle,
  kHeading,
  kSelected,
  kGood,
  kWarn,
  kBad,
  kSpark,
};

struct Cell {
  char32_t glyph = U' ';
  Style style = Style::kPlain;
  bool operator==(const Cell&) const = default;
};

class CellGrid {
 public:
  // Blank. Sizes below one count as one.
  CellGrid(int width, int height);

  [[nodiscard]] int width() const { return width_; }
  [[nodiscard]] int height() const { return height_; }
  // Inside the grid.
  [[nodiscard]] const Cell& at(int x, int y) const { return cells_[Index(x, y)]; }

  // Writes UTF-8 text and returns the column after it. Control characters, and characters that do
  // not take one cell, show as '?'. Text wider than `max_width` or the grid ends in an ellipsis.
  int Put(int x, int y, std::string_view text, Style style = Style::kPlain,
          int max_width = std::numeric_limits<int>::max());
  // Writes text so that it ends before column `end`; it takes `width` columns at most.
  void PutRight(int end, int y, std::string_view text, int width, Style style = Style::kPlain);
  // Gives every cell of a row this style.
  void StyleRow(int y, Style style);

  // Lines without blanks at their ends, each ended by a newline.
  [[nodiscard]] std::string Text(bool utf8) const;

  bool operator==(const CellGrid&) const = default;

 private:
  [[nodiscard]] std::size_t Index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(x);
  }

  int width_;
  int height_;
  std::vector<Cell> cells_;
};

// Columns that Put would take.
int CellWidth(std::string_view text);

// The nearest ASCII character.
char AsciiFor(char32_t glyph);

// One character as UTF-8.
void AppendUtf8(std::string& text, char32_t glyph);

}  // namespace echogw::ctl::top
