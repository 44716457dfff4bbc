#include "server/config/config_file.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

// Header only and without exceptions: errors come back as values, and nothing is needed at run
// time. Its assertion about the first character of a key comes before the check that reports the
// same ("[" at the end of a file), and would end a debug build.
#define TOML_ASSERT(condition) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "server/base/small_file.h"
#include "server/config/config_keys.h"
#include "server/config/config_values.h"

namespace echogw::server {
namespace {

std::string Source(const std::string& path, const toml::source_region& region) {
  return absl::StrCat(path, ":", region.begin.line);
}

absl::Status Bad(const std::string& source, const std::string& message) {
  return absl::InvalidArgumentError(absl::StrCat(source, ": ", message));
}

// The character of UTF-8 that begins at `at` as an escape of TOML; sets `at` behind it.
std::string Escaped(std::string_view line, std::size_t& at) {
  const auto byte = [&line](std::size_t i) { return static_cast<unsigned char>(line[i]); };
  const unsigned char lead = byte(at);
  const std::size_t end = at + (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2);
  std::uint32_t code = lead & (0xffU >> (end - at + 1));
  for (++at; at < end; ++at) code = code << 6 | (byte(at) & 0x3fU);
  return absl::StrCat("\\U", absl::Hex(code, absl::kZeroPad8));
}

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// Appends what a line says, in ASCII. toml++ 3.3 has undefined behaviour for other characters where
// it expects none (U+FEE3 is one), and after a mistake that may be anywhere. So it sees none at
// all: strings have escapes instead, and comments are left out.
absl::Status AppendAscii(std::string_view line, std::string& out) {
  char quote = 0;
  bool escaped = false;
  for (std::size_t i = 0; i < line.size();) {
    const char c = line[i];
    if (quote == 0 && c == '#') break;
    if (!IsAscii(c)) {
      if (quote != '"' || escaped) {
        return absl::InvalidArgumentError(
            "a character that is not ASCII stands outside of double quotes and comments");
      }
      out += Escaped(line, i);
      continue;
    }
    if (escaped) {
      escaped = false;
    } else if (quote == '"' && c == '\\') {
      escaped = true;
    } else if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      if (line.substr(i, 3) == std::string(3, c)) {
        return absl::InvalidArgumentError("no setting takes a string in three quotes");
      }
      quote = c;
    }
    out += c;
    ++i;
  }
  out += '\n';
  return absl::OkStatus();
}

// The text as toml++ may have it. Refuses what TOML forbids anywhere (TOML 1.0, "Spec"), and what
// would not stand in a message of one line.
absl::StatusOr<std::string> AsciiText(const std::string& text, const std::string& path) {
  std::string out;
  std::size_t number = 0;
  const bool has_mark = absl::StartsWith(text, "\xef\xbb\xbf");
  for (std::string line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const std::string source = absl::StrCat(path, ":", ++number);
    if (number == 1 && has_mark) line.erase(0, 3);
    if (absl::EndsWith(line, "\r")) line.pop_back();
    if (!IsPlainText(absl::StrReplaceAll(line, {{"\t", " "}}))) {
      return Bad(source, "holds a control character or is not UTF-8");
    }
    const absl::Status appended = AppendAscii(line, out);
    if (!appended.ok()) return Bad(source, std::string(appended.message()));
  }
  return out;
}

absl::StatusOr<std::string> Scalar(const toml::node& node, const std::string& source,
                                   const std::string& key) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return absl::StrCat(number->get());
  if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "on" : "off");
  return Bad(source, absl::StrCat(key, ": must be a string, a whole number, true or false"));
}

absl::StatusOr<FileSetting> ReadSetting(const std::string& name, const toml::node& node,
                                        const std::string& source) {
  const ConfigKey* key = FindConfigKey(name);
  if (key == nullptr) {
    std::vector<std::string> known;
    for (const ConfigKey& each : ConfigKeys()) known.push_back(each.name);
    const std::string meant = ClosestWord(name, known);
    return Bad(source, absl::StrCat("unknown key '", absl::CHexEscape(name), "'",
                                    meant.empty() ? "; echogw --help lists the keys"
                                                  : absl::StrCat("; did you mean '", meant, "'?")));
  }
  FileSetting setting{.key = name, .values = {}, .source = source};
  const toml::array* list = node.as_array();
  if (list != nullptr && key->kind != ConfigKey::Kind::kList) {
    return Bad(source, absl::StrCat(name, ": takes one value, not a list"));
  }
  if (list == nullptr) {
    auto value = Scalar(node, source, name);
    if (!value.ok()) return value.status();
    setting.values.push_back(*std::move(value));
    return setting;
  }
  for (const toml::node& element : *list) {
    auto value = Scalar(element, source, name);
    if (!value.ok()) return value.status();
    setting.values.push_back(*std::move(value));
  }
  return setting;
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos &&
         (text.size() == 1 || text[0] != '0');
}

std::string FormatValue(const ConfigKey& key, const Setting& setting) {
  if (key.kind == ConfigKey::Kind::kList) {
    return absl::StrCat("[",
                        absl::StrJoin(setting.values, ", ",
                                      [](std::string* out, const std::string& value) {
                                        out->append(Quoted(value));
                                      }),
                        "]");
  }
  const std::string& text = setting.values.front();
  if (key.kind == ConfigKey::Kind::kNumber && IsNumber(text)) return text;
  if (key.kind == ConfigKey::Kind::kSwitch) {
    return text == "on" || text == "true" ? "true" : "false";
  }
  return Quoted(text);
}

}  // namespace

absl::StatusOr<std::vector<FileSetting>> ReadConfigFile(const std::string& path) {
  const auto file = ReadSmallFile(path, absl::StrCat("config file '", path, "'"), /*wait=*/true);
  if (!file.ok()) return file.status();
  return ParseConfigText(file->text, path);
}

absl::StatusOr<std::vector<FileSetting>> ParseConfigText(const std::string& text,
                                                         const std::string& path) {
  const absl::StatusOr<std::string> ascii = AsciiText(text, path);
  if (!ascii.ok()) return ascii.status();
  const toml::parse_result result = toml::parse(std::string_view(*ascii), std::string_view(path));
  if (!result) {
    const std::string_view what = result.error().description();
    return Bad(Source(path, result.error().source()),
               absl::StrReplaceAll(std::string(what), {{"\n", " "}, {"\r", " "}}));
  }
  std::vector<FileSetting> settings;
  for (const auto& [name, node] : result.table()) {
    auto setting = ReadSetting(std::string(name.str()), node, Source(path, name.source()));
    if (!setting.ok()) return setting.status();
    settings.push_back(*std::move(setting));
  }
  return settings;
}

std::string FormatConfig(const std::vector<Setting>& settings) {
  std::string out;
  std::string group;
  for (const Setting& setting : settings) {
    const ConfigKey* key = FindConfigKey(setting.key);
    if (key == nullptr) continue;
    if (key->group != group) {
      group = key->group;
      absl::StrAppend(&out, out.empty() ? "" : "\n", "# ", group, "\n");
    }
    absl::StrAppend(&out, setting.key, " = ", FormatValue(*key, setting), "  # ",
                    absl::CHexEscape(setting.source),
                    setting.meaning.empty() ? "" : absl::StrCat("; here ", setting.meaning), "\n");
  }
  return out;
}

}  // namespace echogw::server
