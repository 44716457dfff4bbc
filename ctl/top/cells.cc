#include "ctl/top/cells.h"

#include <algorithm>

namespace echogw::ctl::top {
namespace {

constexpr char32_t kReplacement = U'?';
constexpr char32_t kEllipsis = U'…';

// Letters, punctuation, arrows, lines and blocks that every terminal draws in one cell. Others may
// take two or none, or steer the terminal.
bool TakesOneCell(char32_t c) {
  return (c >= 0x20 && c < 0x7f) || (c >= 0xa1 && c < 0x300 && c != 0xad) ||
         (c >= 0x370 && c < 0x483) || (c >= 0x48a && c < 0x530) || (c >= 0x2010 && c < 0x2028) ||
         (c >= 0x2030 && c < 0x205f) || (c >= 0x2190 && c < 0x231a) || (c >= 0x2500 && c < 0x25fd);
}

// Takes the first character off `text`, which is not empty; a broken one counts a byte.
char32_t NextGlyph(std::string_view& text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  std::size_t length = 1;
  char32_t glyph = first;
  if (first >= 0xf0 && first < 0xf8) {
    length = 4;
    glyph = first & 0x07U;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3;
    glyph = first & 0x0fU;
  } else if (first >= 0xc0 && first < 0xe0) {
    length = 2;
    glyph = first & 0x1fU;
  } else if (first >= 0x80) {
    glyph = kReplacement;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) {
      text.remove_prefix(1);
      return kReplacement;
    }
    glyph = (glyph << 6U) | (byte(i) & 0x3fU);
  }
  text.remove_prefix(length);
  // A longer form than needed is forged.
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (glyph < kLeast[length]) return kReplacement;
  return TakesOneCell(glyph) ? glyph : kReplacement;
}

}  // namespace

CellGrid::CellGrid(int width, int height)
    : width_(std::max(width, 1)),
      height_(std::max(height, 1)),
      cells_(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_)) {}

int CellGrid::Put(int x, int y, std::string_view text, Style style, int max_width) {
  if (y < 0 || y >= height_ || x < 0 || x >= width_ || max_width <= 0) return x;
  const int end = max_width > width_ - x ? width_ : x + max_width;
  while (!text.empty() && x < end) {
    const char32_t glyph = NextGlyph(text);
    cells_[Index(x, y)] = {x + 1 == end && !text.empty() ? kEllipsis : glyph, style};
    ++x;
  }
  return x;
}

void CellGrid::PutRight(int end, int y, std::string_view text, int width, Style style) {
  const int taken = std::min(CellWidth(text), width);
  Put(end - taken, y, text, style, taken);
}

void CellGrid::StyleRow(int y, Style style) {
  if (y < 0 || y >= height_) return;
  for (int x = 0; x < width_; ++x) cells_[Index(x, y)].style = style;
}

std::string CellGrid::Text(bool utf8) const {
  std::string text;
  for (int y = 0; y < height_; ++y) {
    std::string line;
    for (int x = 0; x < width_; ++x) {
      if (utf8) {
        AppendUtf8(line, at(x, y).glyph);
      } else {
        line += AsciiFor(at(x, y).glyph);
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

int CellWidth(std::string_view text) {
  int width = 0;
  for (; !text.empty(); ++width) NextGlyph(text);
  return width;
}

char AsciiFor(char32_t glyph) {
  if (glyph >= 0x20 && glyph < 0x7f) return static_cast<char>(glyph);
  // Levels of a sparkline, lowest first.
  constexpr std::string_view kLevels = "_.:-=+*#";
  if (glyph >= U'▁' && glyph <= U'█') return kLevels[glyph - U'▁'];
  // The broken end of a bar, widest first.
  constexpr std::string_view kPartial = "===----";
  if (glyph >= U'▉' && glyph <= U'▏') return kPartial[glyph - U'▉'];
  constexpr std::u32string_view kGlyphs = U"µ…▲↑▼↓─–·";
  constexpr std::string_view kAscii = "u~^^vv--.";
  const std::size_t at = kGlyphs.find(glyph);
  return at < kAscii.size() ? kAscii[at] : '?';
}

void AppendUtf8(std::string& text, char32_t glyph) {
  // The grid holds none that takes more than three bytes.
  const unsigned more = glyph < 0x80 ? 0 : glyph < 0x800 ? 1 : 2;
  constexpr unsigned kLead[] = {0, 0xc0, 0xe0};
  text += static_cast<char>(kLead[more] | glyph >> 6 * more);
  for (unsigned i = more; i > 0; --i) {
    text += static_cast<char>(0x80U | (glyph >> 6 * (i - 1) & 0x3fU));
  }
}

}  // namespace echogw::ctl::top
