#include "server/base/plain_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/utf8.h"

namespace echogw::server {
namespace {

// A character as UTF-8. Terminals obey C1 controls (U+0080 to U+009F) as they do ESC; some readers
// break lines at U+2028 and U+2029; direction marks show text in another order than it has.
bool IsPlainCharacter(std::string_view c) {
  const auto byte = [&c](std::size_t i) { return static_cast<unsigned char>(c[i]); };
  if (c.size() == 1) return byte(0) >= 0x20 && byte(0) != 0x7F;
  if (c.size() == 2 && byte(0) == 0xC2) return byte(1) >= 0xA0;
  if (c.size() != 3 || byte(0) != 0xE2) return true;
  const unsigned low = byte(2);
  if (byte(1) == 0x80) return low != 0x8E && low != 0x8F && (low < 0xA8 || low > 0xAE);
  return byte(1) != 0x81 || low < 0xA6 || low > 0xA9;
}

void AppendEscaped(char c, std::string& to) {
  if (c == '\n') {
    to += "\\n";
  } else if (c == '\r') {
    to += "\\r";
  } else if (c == '\t') {
    to += "\\t";
  } else {
    absl::StrAppendFormat(&to, "\\x%02x", static_cast<unsigned char>(c));
  }
}

}  // namespace

bool IsPlain(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    if (length == 0 || !IsPlainCharacter(text.substr(0, length))) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string PlainText(std::string_view text, std::size_t bytes_max) {
  std::string out;
  const std::size_t all = text.size();
  while (!text.empty() && out.size() < bytes_max) {
    const std::size_t length = Utf8Length(text);
    if (length > 0 && IsPlainCharacter(text.substr(0, length))) {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
      continue;
    }
    for (std::size_t left = length == 0 ? 1 : length; left > 0; --left) {
      AppendEscaped(text.front(), out);
      text.remove_prefix(1);
    }
  }
  if (!text.empty()) absl::StrAppend(&out, "... (", all, " bytes)");
  return out;
}

}  // namespace echogw::server
