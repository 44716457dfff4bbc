#include "ctl/describe/model.h"

#include <map>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace echogw::ctl {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::vector<std::string> CliOption::Spellings() const {
  std::vector<std::string> spellings;
  if (!short_name.empty()) spellings.push_back("-" + short_name);
  if (!long_name.empty()) spellings.push_back("--" + long_name);
  return spellings;
}

std::vector<ExitMeaning> CommonExitCodes() {
  return {{0, "done"},
          {1, "the gateway refused, or the request failed"},
          {2, "invalid usage; nothing was sent"},
          {3, "no response, or not in time"}};
}

std::vector<ExitMeaning> ExitCodesOf(const CommandHelp& help) {
  std::map<int, std::string_view> meanings;
  for (const auto& codes : {CommonExitCodes(), help.exit_codes}) {
    for (const auto& [code, meaning] : codes) meanings[code] = meaning;
  }
  std::vector<ExitMeaning> shown;
  for (const auto& [code, meaning] : meanings) {
    if (!meaning.empty()) shown.push_back({code, meaning});
  }
  return shown;
}

std::vector<std::string> Paragraphs(std::string_view details) {
  return absl::StrSplit(View(details), "\n\n", absl::SkipEmpty());
}

std::vector<std::string> ExampleLines(std::string_view examples) {
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(View(examples), '\n', absl::SkipEmpty())) {
    lines.emplace_back(absl::StripPrefix(line, "  "));
  }
  return lines;
}

}  // namespace echogw::ctl
