#include "ctl/describe/model.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <cstddef>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "ctl/base/version.h"
#include "ctl/describe/cli_tree.h"

namespace echogw::ctl {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// What may be typed of one alternative: "on" of "on", "connections=" of "connections=N", nothing of
// "HOST:PORT".
std::string Offer(const std::string& alternative) {
  const std::size_t capital = static_cast<std::size_t>(
      std::find_if(alternative.begin(), alternative.end(),
                   [](unsigned char c) { return absl::ascii_isupper(c); }) -
      alternative.begin());
  if (capital == alternative.size()) return alternative;
  const std::string begin = alternative.substr(0, capital);
  return !begin.empty() && begin.back() == '=' ? begin : "";
}

std::vector<std::string> Choices(const std::string& value, const std::vector<std::string>& verbs) {
  if (value == "COMMAND") return verbs;
  std::vector<std::string> choices;
  for (const absl::string_view alternative : absl::StrSplit(value, '|', absl::SkipEmpty())) {
    std::string offer = Offer(std::string(alternative));
    if (!offer.empty()) choices.push_back(std::move(offer));
  }
  return choices;
}

CliOption Describe(const CLI::Option& option, const std::vector<std::string>& verbs) {
  CliOption made;
  if (!option.get_snames().empty()) made.short_name = option.get_snames().front();
  if (!option.get_lnames().empty()) made.long_name = option.get_lnames().front();
  if (option.get_positional()) made.argument = option.get_name(true);
  made.value = option.get_type_name();
  made.choices = Choices(made.value, verbs);
  made.value_optional = !made.value.empty() && option.get_expected_min() == 0;
  made.repeatable = option.get_expected_max() > 1;
  made.required = option.get_required();
  made.is_path = made.value == "FILE" || made.value == "DIR" || made.value == "PATH";
  made.environment = option.get_envname();
  made.help = option.get_description();
  return made;
}

void DescribeOptions(const CLI::App& app, const std::vector<std::string>& verbs,
                     std::vector<CliOption>& options, std::vector<CliOption>* arguments) {
  for (const CLI::Option* option : app.get_options()) {
    CliOption made = Describe(*option, verbs);
    if (made.argument.empty()) {
      options.push_back(std::move(made));
    } else if (arguments != nullptr) {
      arguments->push_back(std::move(made));
    }
  }
}

}  // namespace

std::vector<std::string> CliOption::Spellings() const {
  std::vector<std::string> spellings;
  if (!short_name.empty()) spellings.push_back("-" + short_name);
  if (!long_name.empty()) spellings.push_back("--" + long_name);
  return spellings;
}

CliModel DescribeCli(const CLI::App& app, const std::vector<std::unique_ptr<Command>>& commands) {
  std::vector<std::string> verbs;
  for (const auto& command : commands) verbs.emplace_back(command->Help().name);
  CliModel model;
  model.name = app.get_name();
  model.version = kCtlVersion;
  model.summary = app.get_description();
  model.paragraphs = Paragraphs(kProgramDetails);
  model.examples = ExampleLines(kProgramExamples);
  model.exit_codes = CommonExitCodes();
  model.exit_codes.push_back({4, "only partly done, or a deadline of the command passed"});
  DescribeOptions(app, verbs, model.options, nullptr);
  for (const auto& command : commands) {
    const CommandHelp help = command->Help();
    CliVerb verb;
    verb.name = std::string(help.name);
    verb.summary = std::string(help.summary);
    verb.paragraphs = Paragraphs(help.details);
    verb.examples = ExampleLines(help.examples);
    verb.exit_codes = ExitCodesOf(help);
    DescribeOptions(*app.get_subcommand(verb.name), verbs, verb.options, &verb.arguments);
    model.verbs.push_back(std::move(verb));
  }
  return model;
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
