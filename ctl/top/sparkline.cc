#include "ctl/top/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace echogw::ctl::top {
namespace {

constexpr std::array<const char*, 8> kLevels = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
// By the eighths that are filled from the left.
constexpr std::array<const char*, 9> kEighths = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

}  // namespace

std::string Sparkline(const History& history, int width) {
  if (width <= 0) return "";
  const auto columns = static_cast<std::size_t>(width);
  const std::size_t shown = std::min(columns, history.size());
  const std::size_t first = history.size() - shown;
  double largest = 0;
  for (std::size_t i = first; i < history.size(); ++i) largest = std::max(largest, history.at(i));
  std::string text(columns - shown, ' ');
  for (std::size_t i = first; i < history.size(); ++i) {
    const double part = largest > 0 ? std::clamp(history.at(i) / largest, 0.0, 1.0) : 0;
    text += kLevels[static_cast<std::size_t>(std::lround(part * 7))];
  }
  return text;
}

std::string Bar(double part, int width) {
  if (width <= 0) return "";
  const double filled = part > 0 ? std::min(part, 1.0) * width * 8 : 0;
  long eighths = std::lround(filled);
  if (filled > 0 && eighths == 0) eighths = 1;
  std::string text;
  for (int i = 0; i < width; ++i) {
    const long here = std::clamp(eighths, 0L, 8L);
    text += kEighths[static_cast<std::size_t>(here)];
    eighths -= here;
  }
  return text;
}

}  // namespace echogw::ctl::top
