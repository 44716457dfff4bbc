#include "ctl/base/printable.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace echogw::ctl {

std::string Printable(std::string_view text) {
  std::string out;
  const auto escape = [&out](unsigned char c) {
    absl::StrAppend(&out, "\\x", absl::Hex(c, absl::kZeroPad2));
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    if (c < 0x20 || c == 0x7F) {
      escape(c);
    } else if (c == 0xC2 && next >= 0x80 && next <= 0x9F) {
      escape(next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace echogw::ctl
