// Rows of the table of configuration keys, by type of value. `field` returns the field of a Config.
// Pure functions.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "server/config/config_keys.h"
#include "server/config/config_values.h"

namespace echogw::server {

// What ConfigKey::apply takes, shorter.
using KeyText = std::vector<std::string>;

template <typename Field, typename Parse>
ConfigKey ValueKey(const char* name, std::string metavar, std::string default_text,
                   const char* help, Field field, Parse parse,
                   ConfigKey::Kind kind = ConfigKey::Kind::kText) {
  const auto apply = [field, parse](const KeyText& values, const Machine&, Config& config) {
    auto value = parse(values[0]);
    if (!value.ok()) return value.status();
    auto& to = field(config);
    to = static_cast<std::remove_reference_t<decltype(to)>>(*std::move(value));
    return absl::OkStatus();
  };
  return {name, std::move(metavar), std::move(default_text), help, kind, apply};
}

template <typename Field>
auto DefaultOf(Field field) {
  Config defaults;
  return field(defaults);
}

template <typename Field>
ConfigKey NumberKey(const char* name, Field field, std::uint64_t min, std::uint64_t max,
                    const char* help) {
  return ValueKey(
      name, "N", absl::StrCat(DefaultOf(field)), help, field,
      [min, max](const std::string& text) { return ParseUnsigned(text, min, max); },
      ConfigKey::Kind::kNumber);
}

template <typename Field>
ConfigKey SizeKey(const char* name, Field field, std::uint64_t min, std::uint64_t max,
                  const char* help) {
  return ValueKey(name, "SIZE", FormatBytes(static_cast<std::uint64_t>(DefaultOf(field))), help,
                  field,
                  [min, max](const std::string& text) { return ParseBytes(text, min, max); });
}

template <typename Field>
ConfigKey TimeKey(const char* name, Field field, std::chrono::nanoseconds min,
                  std::chrono::nanoseconds max, const char* help) {
  return ValueKey(name, "TIME", absl::FormatDuration(absl::FromChrono(DefaultOf(field))), help,
                  field,
                  [min, max](const std::string& text) { return ParseDuration(text, min, max); });
}

template <typename Field>
ConfigKey SwitchKey(const char* name, Field field, const char* help) {
  return ValueKey(name, "on|off", DefaultOf(field) ? "on" : "off", help, field, ParseSwitch,
                  ConfigKey::Kind::kSwitch);
}

// Any text.
template <typename Field>
ConfigKey TextKey(const char* name, const char* metavar, Field field, const char* help) {
  return ValueKey(name, metavar, DefaultOf(field), help, field,
                  [](const std::string& text) { return absl::StatusOr<std::string>(text); });
}

template <typename Field>
ConfigKey FileModeKey(const char* name, Field field, const char* help) {
  return ValueKey(name, "MODE", absl::StrFormat("%04o", DefaultOf(field)), help, field,
                  ParseFileMode);
}

// One of the words of an enumeration.
template <typename Field, std::size_t N>
ConfigKey WordKey(const char* name, Field field, const std::array<const char*, N>& words,
                  const char* help) {
  return ValueKey(name, absl::StrJoin(words, "|"),
                  words[static_cast<std::size_t>(DefaultOf(field))], help, field,
                  [&words](const std::string& text) { return ParseWord(text, words); });
}

// The same with the word "auto", which is the default and stands for what `choose` returns.
template <typename Field, typename Choose, std::size_t N>
ConfigKey AutoWordKey(const char* name, Field field, Choose choose,
                      const std::array<const char*, N>& words, const char* help) {
  std::vector<const char*> known = {"auto"};
  known.insert(known.end(), words.begin(), words.end());
  return ValueKey(name, absl::StrJoin(known, "|"), "auto", help, field,
                  [known, choose](const std::string& text) -> absl::StatusOr<std::size_t> {
                    const auto index = ParseWord(text, known);
                    if (!index.ok() || *index > 0) return index.ok() ? *index - 1 : index;
                    return static_cast<std::size_t>(choose());
                  });
}

}  // namespace echogw::server
