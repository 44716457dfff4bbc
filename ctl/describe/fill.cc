#include "ctl/describe/fill.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "ctl/output/table.h"

namespace echogw::ctl {

std::string Fill(std::string_view text, std::size_t width, std::string_view first,
                 std::string_view other) {
  std::string filled;
  std::string line(first);
  bool empty = true;
  for (const absl::string_view each : absl::StrSplit(absl::string_view(text.data(), text.size()),
                                                     absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    const std::string word(each);
    if (!empty && DisplayWidth(line) + 1 + DisplayWidth(word) > width) {
      filled += line + '\n';
      line = std::string(other);
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  return empty ? filled : filled + line + '\n';
}

}  // namespace echogw::ctl
