#include "ctl/output/document.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <set>
#include <type_traits>

#include "absl/strings/str_format.h"

namespace echogw::ctl {
namespace {

std::string Indent(int depth) { return std::string(static_cast<std::size_t>(depth) * 2, ' '); }

// The length of the well-formed UTF-8 character at the front of `text`; 0 when there is none.
std::size_t CharacterLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  // Overlong forms, surrogates and code points above U+10FFFF differ in the second byte.
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

void AppendEscaped(std::string& out, char c) {
  constexpr std::string_view kSpecial = "\"\\\n\t\r";
  constexpr std::string_view kLetters = "\"\\ntr";
  const std::size_t at = kSpecial.find(c);
  if (at != std::string_view::npos) {
    out += {'\\', kLetters[at]};
  } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
    out += absl::StrFormat("\\u%04x", c);
  } else {
    out += c;
  }
}

// Of a well-formed character of two or three bytes.
unsigned CodeOf(std::string_view character) {
  unsigned code =
      static_cast<unsigned char>(character[0]) & (character.size() == 2 ? 0x1FU : 0x0FU);
  for (const char c : character.substr(1))
    code = code << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  return code;
}

// Beyond ASCII, what YAML does not allow as it is: C1, which terminals obey, U+FFFE and U+FFFF; and
// the byte order mark, which may be dropped.
bool IsUnprintable(std::string_view character) {
  if (character.size() > 3) return false;
  const unsigned code = CodeOf(character);
  return code < 0xA0 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF;
}

std::string NumberText(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

}  // namespace

std::string JsonQuote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = CharacterLength(text);
    if (length == 1) {
      AppendEscaped(out, text[0]);
    } else if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (IsUnprintable(text.substr(0, length))) {
      out += absl::StrFormat("\\u%04x", CodeOf(text.substr(0, length)));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out += '"';
}

Document Document::Object(std::initializer_list<Member> members) {
  Document document;
  document.value_ = ObjectValue{members};
  return document;
}

Document Document::Array() {
  Document document;
  document.value_ = ArrayValue{};
  return document;
}

Document& Document::Set(std::string key, Document value) {
  std::get<ObjectValue>(value_).members.emplace_back(std::move(key), std::move(value));
  return *this;
}

Document& Document::Append(Document value) {
  std::get<ArrayValue>(value_).items.push_back(std::move(value));
  return *this;
}

void Document::WriteScalar(std::ostream& out) const {
  std::visit(
      [&out](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, bool>) {
          out << (value ? "true" : "false");
        } else if constexpr (std::is_integral_v<T>) {
          out << std::to_string(value);
        } else if constexpr (std::is_same_v<T, double>) {
          out << NumberText(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
          out << JsonQuote(value);
        } else {
          out << "null";
        }
      },
      value_);
}

void Document::WriteJson(std::ostream& out, bool pretty) const { WriteJsonAt(out, pretty, 0); }

void Document::WriteJsonAt(std::ostream& out, bool pretty, int depth) const {
  const auto sequence = [&](char open, char close, const auto& items, const auto& write) {
    out << open;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out << (pretty ? "," : ", ");
      if (pretty) out << '\n' << Indent(depth + 1);
      first = false;
      write(item);
    }
    if (pretty && !items.empty()) out << '\n' << Indent(depth);
    out << close;
  };
  if (const auto* object = std::get_if<ObjectValue>(&value_)) {
    sequence('{', '}', object->members, [&](const Member& member) {
      out << JsonQuote(member.first) << ": ";
      member.second.WriteJsonAt(out, pretty, depth + 1);
    });
  } else if (const auto* array = std::get_if<ArrayValue>(&value_)) {
    sequence('[', ']', array->items,
             [&](const Document& item) { item.WriteJsonAt(out, pretty, depth + 1); });
  } else {
    WriteScalar(out);
  }
}

void Document::WriteYaml(std::ostream& out) const { WriteYamlAt(out, 0, false); }

// The cursor stands after "key:" or "-" (a blank not yet written), or at the start of the document.
void Document::WriteYamlAt(std::ostream& out, int depth, bool after_dash) const {
  if (const auto* object = std::get_if<ObjectValue>(&value_); object && !object->members.empty()) {
    bool first = true;
    for (const auto& [key, value] : object->members) {
      // The first member shares the line of its dash.
      out << (first && after_dash ? " " : Indent(depth));
      first = false;
      // Strings and keys are quoted as in JSON, which YAML 1.2 includes: no word is mistaken for
      // a boolean or a number. Keys that are plain names need none.
      static const std::set<std::string> kWords = {"true", "false", "null", "on", "off",
                                                   "yes",  "no",    "y",    "n"};
      const bool plain =
          key.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string::npos &&
          !key.empty() && key[0] >= 'a' && key[0] <= 'z' && !kWords.contains(key);
      out << (plain ? key : JsonQuote(key)) << ':';
      value.WriteYamlValue(out, depth + 1);
    }
  } else if (const auto* array = std::get_if<ArrayValue>(&value_); array && !array->items.empty()) {
    bool first = true;
    for (const Document& item : array->items) {
      out << (first && after_dash ? " " : Indent(depth)) << '-';
      first = false;
      item.WriteYamlAt(out, depth + 1, true);
    }
  } else {
    out << (after_dash ? " " : "");
    WriteJsonAt(out, false, 0);
    out << '\n';
  }
}

// The value after "key:".
void Document::WriteYamlValue(std::ostream& out, int depth) const {
  const auto* object = std::get_if<ObjectValue>(&value_);
  const auto* array = std::get_if<ArrayValue>(&value_);
  const bool block = (object && !object->members.empty()) || (array && !array->items.empty());
  if (block) out << '\n';
  WriteYamlAt(out, depth, !block);
}

}  // namespace echogw::ctl
