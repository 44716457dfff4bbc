#include "ctl/output/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace echogw::ctl {
namespace {

// Three significant digits of a number below 1000 or, after rounding, at most 1024.
std::string ThreeDigits(double value) {
  if (value < 9.995) return absl::StrFormat("%.2f", value);
  if (value < 99.95) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.0f", value);
}

template <std::size_t kSize>
std::string Scale(double value, double step, const std::array<const char*, kSize>& units) {
  std::size_t unit = 0;
  // Moves on when rounding to whole numbers would show the next unit's first value.
  while (value >= step - 0.5 && unit + 1 < kSize) {
    value /= step;
    ++unit;
  }
  return absl::StrCat(ThreeDigits(value), units[unit]);
}

constexpr std::array<const char*, 7> kCounts = {"", "k", "M", "G", "T", "P", "E"};
constexpr std::array<const char*, 7> kBytes = {" B",   " KiB", " MiB", " GiB",
                                               " TiB", " PiB", " EiB"};

bool ascii_units = false;

}  // namespace

void UseAsciiUnits(bool ascii) { ascii_units = ascii; }

std::string HumanCount(std::uint64_t count) {
  if (count < 10'000) return absl::StrCat(count);
  return Scale(static_cast<double>(count), 1000, kCounts);
}

std::string HumanBytes(std::uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  return Scale(static_cast<double>(bytes), 1024, kBytes);
}

std::string HumanDuration(Duration duration) {
  const std::int64_t ns = duration.count();
  if (ns < 0) return absl::StrCat("-", HumanDuration(-duration));
  if (ns == 0) return "0 s";
  if (ns < 1'000) return absl::StrCat(ns, " ns");
  if (ns < 59'950'000'000) {
    const std::array<const char*, 4> units = {" ns", ascii_units ? " us" : " µs", " ms", " s"};
    return Scale(static_cast<double>(ns), 1000, units);
  }
  const std::int64_t seconds = (ns + 500'000'000) / 1'000'000'000;
  if (seconds < 3600) return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  const std::int64_t minutes = seconds / 60;
  if (minutes < 24 * 60) return absl::StrFormat("%dh%02dm", minutes / 60, minutes % 60);
  return absl::StrFormat("%dd%02dh", minutes / 1440, minutes % 1440 / 60);
}

std::string HumanNanoseconds(std::uint64_t count) {
  return HumanDuration(Duration(static_cast<std::int64_t>(count)));
}

std::string HumanMicroseconds(std::uint64_t count) {
  return HumanDuration(std::chrono::microseconds(static_cast<std::int64_t>(count)));
}

std::string HumanRate(double per_second) {
  if (!(per_second > 0)) return "0";
  if (per_second < 100) {
    // 12.3 and 0.25, but 5 rather than 5.00.
    const std::string text = absl::StrFormat("%.*f", per_second < 9.95 ? 2 : 1, per_second);
    const std::size_t last = text.find_last_not_of('0');
    return text.substr(0, text[last] == '.' ? last : last + 1);
  }
  return Scale(per_second, 1000, kCounts);
}

std::string HumanByteRate(double bytes_per_second) {
  if (!(bytes_per_second > 0)) return "0 B/s";
  if (bytes_per_second < 1023.5) return absl::StrFormat("%.0f B/s", bytes_per_second);
  return absl::StrCat(Scale(bytes_per_second, 1024, kBytes), "/s");
}

std::optional<std::uint64_t> ParseDigits(std::string_view text) {
  std::uint64_t number = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

absl::StatusOr<std::uint64_t> ParseSize(std::string_view text) {
  const absl::string_view view(text.data(), text.size());
  const absl::Status malformed = absl::InvalidArgumentError(
      absl::StrCat("'", view, "' is not a size; write bytes, as in 64, 4KiB or 1MiB"));
  const std::size_t digits = std::min(view.find_first_not_of("0123456789"), view.size());
  if (digits == 0) return malformed;
  const auto number = ParseDigits(text.substr(0, digits));
  const std::string unit = absl::AsciiStrToLower(view.substr(digits));
  static const std::map<std::string, int> kShifts = {
      {"", 0}, {"b", 0}, {"k", 10}, {"kib", 10}, {"m", 20}, {"mib", 20}, {"g", 30}, {"gib", 30}};
  const auto shift = kShifts.find(unit);
  if (shift == kShifts.end()) return malformed;
  if (!number || *number > (UINT64_MAX >> shift->second)) {
    return absl::InvalidArgumentError(absl::StrCat("'", view, "' is too large"));
  }
  return *number << shift->second;
}

}  // namespace echogw::ctl
