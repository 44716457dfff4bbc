#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "ctl/describe/completion.h"

namespace echogw::ctl {
namespace {

std::string FishQuoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// One `complete` line for an option, on offer while `condition` holds; no condition if it is empty.
std::string OptionLine(const CliModel& model, const CliOption& option,
                       const std::string& condition) {
  std::string line = absl::StrCat("complete -c ", model.name);
  if (!condition.empty()) absl::StrAppend(&line, " -n ", FishQuoted(condition));
  if (!option.short_name.empty()) absl::StrAppend(&line, " -s ", option.short_name);
  if (!option.long_name.empty()) absl::StrAppend(&line, " -l ", option.long_name);
  if (option.is_path) {
    absl::StrAppend(&line, " -r -F");
  } else if (option.takes_value()) {
    absl::StrAppend(&line, " -x");
    if (!option.choices.empty()) {
      absl::StrAppend(&line, " -a ", FishQuoted(absl::StrJoin(option.choices, " ")));
    }
  }
  return absl::StrCat(line, " -d ", FishQuoted(option.help), "\n");
}

// Offered at each argument: fish has no notion of a place.
std::string ArgumentLine(const CliModel& model, const CliVerb& verb, const CliOption& argument) {
  if (argument.choices.empty() && !argument.is_path) return "";
  return absl::StrCat("complete -c ", model.name, " -n '__echogwctl_verb ", verb.name, "'",
                      argument.is_path
                          ? std::string(" -F")
                          : absl::StrCat(" -a ", FishQuoted(absl::StrJoin(argument.choices, " "))),
                      "\n");
}

}  // namespace

std::string FishCompletion(const CliModel& model) {
  std::vector<std::string> with_value;
  for (const CliOption& option : model.options) {
    if (!option.takes_value()) continue;
    for (std::string& spelling : option.Spellings()) with_value.push_back(std::move(spelling));
  }
  std::string text = absl::StrCat(
      "# fish completion for ", model.name, " ", model.version, ", made by '", model.name,
      " completion fish'.\n\n",
      "# True when the command line has the verb $argv[1]; without an argument, when it has "
      "none.\n",
      "function __echogwctl_verb\n", "    set -l skip 0\n",
      "    for word in (commandline -opc)[2..-1]\n", "        if test $skip = 1\n",
      "            set skip 0\n", "        else if contains -- $word ",
      absl::StrJoin(with_value, " "), "\n            set skip 1\n",
      "        else if not string match -q -- '-*' $word\n",
      "            test \"$word\" = \"$argv[1]\"\n            return\n", "        end\n    end\n",
      "    test (count $argv) = 0\nend\n\n", "complete -c ", model.name, " -f\n");
  for (const CliOption& option : model.options) {
    absl::StrAppend(&text, OptionLine(model, option, ""));
  }
  for (const CliVerb& verb : model.verbs) {
    absl::StrAppend(&text, "\ncomplete -c ", model.name, " -n __echogwctl_verb -a ", verb.name,
                    " -d ", FishQuoted(verb.summary), "\n");
    for (const CliOption& option : verb.options) {
      // -h is there already, for every verb.
      if (option.long_name == "help") continue;
      absl::StrAppend(&text, OptionLine(model, option, "__echogwctl_verb " + verb.name));
    }
    for (const CliOption& argument : verb.arguments) {
      absl::StrAppend(&text, ArgumentLine(model, verb, argument));
    }
  }
  return text;
}

}  // namespace echogw::ctl
