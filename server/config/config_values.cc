#include "server/config/config_values.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "server/base/utf8.h"

namespace echogw::server {
namespace {

// No machine that Linux runs on has more.
constexpr int kCpuMax = (1 << 17) - 1;

std::optional<std::uint64_t> Digits(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool IsNumericHost(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

absl::Status BadAddress(const std::string& text, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' ", why));
}

std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

bool IsPlainText(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    const bool control = static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7F;
    if (length == 0 || control) return false;
    text.remove_prefix(length);
  }
  return true;
}

absl::StatusOr<ListenAddress> ParseHostPort(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return BadAddress(text, "has no port; write HOST:PORT");
  std::string host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string::npos) {
    return BadAddress(text, "needs brackets around its IPv6 address: [::1]:7000");
  }
  const auto port = Digits(std::string_view(text).substr(colon + 1));
  if (!port || *port > std::numeric_limits<std::uint16_t>::max()) {
    return BadAddress(text, "has no port from 0 to 65535 after its last colon");
  }
  if (host == "localhost" && !bracketed) {
    return ListenAddress{.host = host, .port = static_cast<std::uint16_t>(*port)};
  }
  if ((!host.empty() && !IsNumericHost(host)) || (host.empty() && bracketed) ||
      (bracketed && host.find(':') == std::string::npos)) {
    return BadAddress(text, "does not begin with a numeric IPv4 or [IPv6] address, or localhost");
  }
  return ListenAddress{.host = host, .port = static_cast<std::uint16_t>(*port)};
}

absl::StatusOr<AdminAddress> ParseAdminAddress(const std::string& text) {
  AdminAddress out;
  constexpr std::string_view kUnix = "unix:";
  if (text.rfind(kUnix, 0) == 0) {
    out.unix_path = text.substr(kUnix.size());
    if (out.unix_path.empty()) return BadAddress(text, "has no path after unix:");
    if (out.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
      return BadAddress(text, "has a path of more than 107 bytes, the most a unix socket can have");
    }
    return out;
  }
  auto tcp = ParseHostPort(text);
  if (!tcp.ok()) return tcp.status();
  out.tcp = *std::move(tcp);
  return out;
}

absl::StatusOr<std::uint64_t> ParseUnsigned(const std::string& text, std::uint64_t min,
                                            std::uint64_t max) {
  const auto value = Digits(text);
  if (!value || *value < min || *value > max) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not a number from ", min, " to ", max));
  }
  return *value;
}

absl::StatusOr<std::uint64_t> ParseBytes(const std::string& text, std::uint64_t min,
                                         std::uint64_t max) {
  const auto unit_at = std::find_if(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) == 0;
  });
  const auto digits = static_cast<std::size_t>(unit_at - text.begin());
  const auto count = Digits(std::string_view(text).substr(0, digits));
  const std::string unit = absl::AsciiStrToLower(text.substr(digits));
  std::optional<unsigned> shift;
  if (unit.empty() || unit == "b") shift = 0;
  if (unit == "k" || unit == "kib") shift = 10;
  if (unit == "m" || unit == "mib") shift = 20;
  if (unit == "g" || unit == "gib") shift = 30;
  const bool fits =
      count && shift && *count <= (std::numeric_limits<std::uint64_t>::max() >> *shift);
  if (!fits || *count << *shift < min || *count << *shift > max) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a size from ", min, " to ",
                                                   max, " bytes, such as 65536 or 64KiB"));
  }
  return *count << *shift;
}

absl::StatusOr<std::chrono::nanoseconds> ParseDuration(const std::string& text,
                                                       std::chrono::nanoseconds min,
                                                       std::chrono::nanoseconds max) {
  absl::Duration value;
  const bool parsed = absl::ParseDuration(text, &value);
  if (!parsed || value < absl::FromChrono(min) || value > absl::FromChrono(max)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "' is not a duration from ", absl::FormatDuration(absl::FromChrono(min)), " to ",
        absl::FormatDuration(absl::FromChrono(max)), ", such as 500ms or 30s"));
  }
  return absl::ToChronoNanoseconds(value);
}

absl::StatusOr<bool> ParseSwitch(const std::string& text) {
  if (text == "on" || text == "true") return true;
  if (text == "off" || text == "false") return false;
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not on or off"));
}

absl::StatusOr<unsigned> ParseFileMode(const std::string& text) {
  constexpr unsigned kModeMax = 0777;
  unsigned mode = 0;
  const bool digits =
      !text.empty() && text.size() <= 4 && text.find_first_not_of("01234567") == std::string::npos;
  for (const char c : text) mode = mode * 8 + static_cast<unsigned>(c - '0');
  if (digits && mode <= kModeMax) return mode;
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not a file mode such as 0600 or 0660"));
}

absl::StatusOr<std::vector<int>> ParseCpuList(const std::string& text) {
  std::set<int> seen;
  std::vector<int> cpus;
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  for (const std::string& part : parts) {
    const auto dash = part.find('-');
    const auto first = Digits(std::string_view(part).substr(0, dash));
    const auto last =
        dash == std::string::npos ? first : Digits(std::string_view(part).substr(dash + 1));
    if (!first || !last || *first > *last || *last > kCpuMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' is not auto, none or a list of CPUs such as 0-3,6"));
    }
    for (int cpu = static_cast<int>(*first); cpu <= static_cast<int>(*last); ++cpu) {
      if (!seen.insert(cpu).second) {
        return absl::InvalidArgumentError(absl::StrCat("'", text, "' names CPU ", cpu, " twice"));
      }
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

absl::StatusOr<std::size_t> ParseWord(const std::string& text, std::span<const char* const> words) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not one of ", absl::StrJoin(words, ", ")));
}

absl::StatusOr<std::uint64_t> ParseLimit(const LimitField& field, const std::string& text) {
  using Unit = LimitField::Unit;
  const auto time = [](std::uint64_t value) {
    return std::chrono::nanoseconds(static_cast<Nanos>(value));
  };
  if (field.unit == Unit::kAcceptExcess) return ParseWord(text, kAcceptExcessNames);
  if (field.unit == Unit::kCount) {
    return ParseUnsigned(text, field.optional ? 0 : field.min, field.max);
  }
  if (field.unit == Unit::kBytes) {
    const auto bytes = ParseBytes(text, 0, field.max);
    if (!bytes.ok() || *bytes == 0 || *bytes >= field.min) return bytes;
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is less than ", field.min));
  }
  if (ParseDuration(text, time(0), time(0)).ok()) return 0;
  const auto value = ParseDuration(text, time(field.min), time(field.max));
  if (value.ok()) return static_cast<std::uint64_t>(value->count());
  return absl::InvalidArgumentError(absl::StrCat(value.status().message(), ", or 0 for none"));
}

std::string FormatBytes(std::uint64_t bytes) {
  constexpr auto kUnits = std::to_array<const char*>({"", "KiB", "MiB", "GiB"});
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return absl::StrCat(bytes, kUnits[unit]);
}

std::string LimitText(const LimitField& field, const Limits& limits) {
  const std::uint64_t value = field.get(limits);
  if (field.unit == LimitField::Unit::kAcceptExcess) return kAcceptExcessNames[value];
  if (field.unit != LimitField::Unit::kNanoseconds) return absl::StrCat(value);
  return absl::FormatDuration(absl::Nanoseconds(static_cast<Nanos>(value)));
}

std::string ClosestWord(const std::string& word, const std::vector<std::string>& candidates) {
  std::string closest;
  // More than two slips are another word.
  std::size_t least = 3;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < least && distance < candidate.size() / 2) {
      least = distance;
      closest = candidate;
    }
  }
  return closest;
}

}  // namespace echogw::server
