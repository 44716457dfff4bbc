// Sparklines and bars of block characters, and the history that they show. Values.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

namespace echogw::ctl::top {

// The last kCapacity values of one figure.
class History {
 public:
  // The width of the widest terminals.
  static constexpr std::size_t kCapacity = 512;

  void Add(double value) {
    values_.push_back(value);
    if (values_.size() > kCapacity) values_.pop_front();
  }
  void Clear() { values_.clear(); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  // Oldest first.
  [[nodiscard]] double at(std::size_t index) const { return values_[index]; }

 private:
  std::deque<double> values_;
};

// `width` characters, the newest value to the right, from zero at the bottom to the largest value
// shown at the top. Blank where there is no value.
std::string Sparkline(const History& history, int width);

// `width` characters of which the left `part`, 0 to 1, is filled to an eighth of a character.
// More than 0 shows at least one eighth.
std::string Bar(double part, int width);

}  // namespace echogw::ctl::top
