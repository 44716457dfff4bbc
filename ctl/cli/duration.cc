#include "ctl/cli/duration.h"

#include <array>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace echogw::ctl {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};

constexpr std::array<Unit, 6> kUnits = {{{"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"ns", 1}}};

absl::Status Malformed(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::string_view(text.data(), text.size()),
                   "' is not a duration; write a number and a unit, as in 500ms, 1s, 2m or 1h"));
}

absl::Status TooLong(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("'", absl::string_view(text.data(), text.size()),
                                                 "' is too long; use at most 290 years"));
}

// Digits with at most one point, held exactly: whole part and billionths.
struct Number {
  std::int64_t whole = 0;
  std::int64_t billionths = 0;
};

// Takes a number off the front of `text`; false when there is none or it overflows.
bool TakeNumber(std::string_view& text, Number& number) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  std::size_t at = 0;
  for (; at < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[at])); ++at) {
    const std::int64_t digit = text[at] - '0';
    if (number.whole > (kMax - digit) / 10) return false;
    number.whole = number.whole * 10 + digit;
  }
  if (at == 0) return false;
  if (at < text.size() && text[at] == '.') {
    const std::size_t point = at++;
    for (std::int64_t scale = 100'000'000;
         at < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[at])); ++at) {
      number.billionths += scale * (text[at] - '0');
      scale /= 10;
    }
    if (at == point + 1) return false;
  }
  text.remove_prefix(at);
  return true;
}

// Billionths of a unit in whole nanoseconds; neither way overflows.
std::int64_t Fraction(std::int64_t billionths, std::int64_t unit) {
  constexpr std::int64_t kBillion = 1'000'000'000;
  return unit >= kBillion ? billionths * (unit / kBillion) : billionths * unit / kBillion;
}

// Takes a unit off the front of `text`; null when none stands there.
const Unit* TakeUnit(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && absl::ascii_isalpha(static_cast<unsigned char>(text[length]))) {
    ++length;
  }
  for (const Unit& unit : kUnits) {
    if (text.substr(0, length) != unit.name) continue;
    text.remove_prefix(length);
    return &unit;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<Duration> ParseDuration(std::string_view text) {
  std::string_view rest = text;
  if (rest.empty()) return Malformed(text);
  std::int64_t total = 0;
  while (!rest.empty()) {
    Number number;
    if (!TakeNumber(rest, number)) return Malformed(text);
    if (rest.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", absl::string_view(text.data(), text.size()), "' has no unit; write for example ",
          number.whole, "s or ", number.whole, "ms"));
    }
    const Unit* unit = TakeUnit(rest);
    if (unit == nullptr) return Malformed(text);
    std::int64_t part = 0;
    if (__builtin_mul_overflow(number.whole, unit->nanoseconds, &part)) return TooLong(text);
    const std::int64_t fraction = Fraction(number.billionths, unit->nanoseconds);
    if (__builtin_add_overflow(part, fraction, &part)) return TooLong(text);
    if (__builtin_add_overflow(total, part, &total)) return TooLong(text);
  }
  return Duration(total);
}

std::string FormatDuration(Duration duration) {
  if (duration.count() == 0) return "0s";
  std::int64_t rest = duration.count();
  std::string text = rest < 0 ? "-" : "";
  if (rest < 0) rest = rest == std::numeric_limits<std::int64_t>::min() ? -(rest + 1) : -rest;
  for (const Unit& unit : kUnits) {
    // Below a second one unit says it all: 1500us rather than 1ms500us.
    const bool compound = unit.nanoseconds >= 1'000'000'000;
    if (rest < unit.nanoseconds) continue;
    if (!compound && rest % unit.nanoseconds != 0) continue;
    absl::StrAppend(&text, rest / unit.nanoseconds,
                    absl::string_view(unit.name.data(), unit.name.size()));
    rest %= unit.nanoseconds;
    if (rest == 0) break;
  }
  return text;
}

}  // namespace echogw::ctl
