#include "ctl/base/duration.h"

#include <array>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace echogw::ctl {
namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t nanoseconds;
};

constexpr std::array<DurationUnit, 6> kUnits = {{{"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};

std::string Quoted(std::string_view text) {
  return absl::StrCat("'", absl::string_view(text.data(), text.size()), "'");
}

absl::Status Malformed(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      Quoted(text), " is not a duration; write a number and a unit, as in 500ms, 1s, 2m or 1h"));
}

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// absl::ParseDuration also takes signs, "inf" and a point without digits on both sides.
bool IsPlain(std::string_view text) {
  if (text.empty() || !IsDigit(text.front())) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' &&
        (i + 1 == text.size() || !IsDigit(text[i - 1]) || !IsDigit(text[i + 1]))) {
      return false;
    }
    if (text[i] == '-' || text[i] == '+') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<Duration> ParseDuration(std::string_view text) {
  if (!IsPlain(text)) return Malformed(text);
  if (IsDigit(text.back())) {
    std::string_view number = text.substr(text.find_last_not_of("0123456789.") + 1);
    number = number.substr(0, number.find('.'));
    const absl::string_view whole(number.data(), number.size());
    return absl::InvalidArgumentError(absl::StrCat(Quoted(text), " has no unit; write for example ",
                                                   whole, "s or ", whole, "ms"));
  }
  absl::Duration duration;
  if (!absl::ParseDuration({text.data(), text.size()}, &duration)) return Malformed(text);
  if (duration > absl::Nanoseconds(std::numeric_limits<std::int64_t>::max())) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(text), " is too long; use at most 290 years"));
  }
  return absl::ToChronoNanoseconds(duration);
}

std::string FormatDuration(Duration duration) {
  if (duration.count() == 0) return "0s";
  std::int64_t rest = duration.count();
  std::string text = rest < 0 ? "-" : "";
  if (rest < 0) rest = rest == std::numeric_limits<std::int64_t>::min() ? -(rest + 1) : -rest;
  for (const DurationUnit& unit : kUnits) {
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
