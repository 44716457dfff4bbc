#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "ctl/describe/completion.h"

namespace echogw::ctl {
namespace {

// For a text in single quotes.
std::string ZshQuoted(const std::string& text) {
  return absl::StrReplaceAll(text, {{"'", "'\\''"}});
}

// For the explanation of an option, between brackets.
std::string Explained(const std::string& text) {
  return ZshQuoted(absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}}));
}

// Offers choices some of which are only the beginning of a value, like "connections=".
std::string PartAction(const std::vector<std::string>& choices) {
  std::vector<std::string> whole;
  std::vector<std::string> parts;
  for (const std::string& choice : choices) {
    (absl::EndsWith(choice, "=") ? parts : whole).push_back(choice);
  }
  return absl::StrCat("{compadd -- ", absl::StrJoin(whole, " "), "; compadd -S \"\" -- ",
                      absl::StrJoin(parts, " "), "}");
}

// "VALUE:(a b)": what a value is called and what it may be.
std::string ValueSpec(const std::string& name, const CliOption& option) {
  std::string action = " ";
  if (option.is_path) {
    action = "_files";
  } else if (!option.choices.empty()) {
    action = absl::StrCat("(", absl::StrJoin(option.choices, " "), ")");
    // Behind the beginning of a value no blank is wanted.
    if (absl::StrContains(action, '=')) action = PartAction(option.choices);
  }
  return ZshQuoted(absl::StrCat(absl::StrReplaceAll(name, {{":", "\\:"}}), ":", action));
}

// One spelling of an option as _arguments wants it.
std::string Spec(const CliOption& option, const std::string& spelling,
                 const std::string& excluded) {
  std::string text = absl::StrCat("'", excluded, spelling);
  if (option.takes_value()) {
    absl::StrAppend(&text, spelling.size() > 2 ? "=" : "+");
  }
  absl::StrAppend(&text, "[", Explained(option.help), "]");
  if (!option.value.empty()) {
    absl::StrAppend(&text, option.value_optional ? "::" : ":", ValueSpec(option.value, option));
  }
  return text + "'";
}

void AppendSpecs(const std::vector<CliOption>& options, const std::string& indent,
                 bool without_help, std::vector<std::string>& lines) {
  for (const CliOption& option : options) {
    if (without_help && option.long_name == "help") continue;
    const std::vector<std::string> spellings = option.Spellings();
    // A repeatable one stays on offer; another one goes, with its other spelling.
    const std::string excluded =
        option.repeatable ? "*" : absl::StrCat("(", absl::StrJoin(spellings, " "), ")");
    for (const std::string& spelling : spellings) {
      lines.push_back(indent + Spec(option, spelling, excluded));
    }
  }
}

void AppendArguments(const CliVerb& verb, const std::string& indent,
                     std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < verb.arguments.size(); ++i) {
    const CliOption& argument = verb.arguments[i];
    const std::string place = argument.repeatable ? "*" : absl::StrCat(i + 1);
    lines.push_back(absl::StrCat(indent, "'", place,
                                 argument.required || argument.repeatable ? ":" : "::",
                                 ValueSpec(argument.argument, argument), "'"));
  }
}

std::string VerbCase(const CliVerb& verb) {
  std::vector<std::string> lines = {"          \"$globals[@]\""};
  // Every verb has --help; the global options bring it.
  AppendSpecs(verb.options, "          ", true, lines);
  AppendArguments(verb, "          ", lines);
  return absl::StrCat("        (", verb.name, ")\n          _arguments -s -S \\\n  ",
                      absl::StrJoin(lines, " \\\n  "), " && ret=0\n          ;;\n");
}

}  // namespace

std::string ZshCompletion(const CliModel& model) {
  std::string cases;
  std::vector<std::string> verbs;
  for (const CliVerb& verb : model.verbs) {
    absl::StrAppend(&cases, VerbCase(verb));
    verbs.push_back(absl::StrCat("    '", verb.name, ":",
                                 ZshQuoted(absl::StrReplaceAll(verb.summary, {{":", "\\:"}})),
                                 "'"));
  }
  std::vector<std::string> globals;
  AppendSpecs(model.options, "    ", false, globals);
  return absl::StrCat(
      "#compdef ", model.name, "\n", "# zsh completion for ", model.name, " ", model.version,
      ", made by '", model.name, " completion zsh'.\n\n", "_echogwctl() {\n",
      "  local curcontext=\"$curcontext\" state line ret=1\n", "  typeset -A opt_args\n",
      "  local -a globals verbs\n", "  globals=(\n", absl::StrJoin(globals, "\n"), "\n  )\n",
      "  verbs=(\n", absl::StrJoin(verbs, "\n"), "\n  )\n",
      "  _arguments -C -s -S \"$globals[@]\" '1:command:->verb' '*::argument:->rest' && ret=0\n",
      "  case $state in\n", "    (verb) _describe -t commands command verbs && ret=0 ;;\n",
      "    (rest)\n      case $line[1] in\n", cases,
      "      esac\n      ;;\n  esac\n  return ret\n}\n\n",
      "# Run as a file of $fpath, or read in by source.\n",
      "if [[ \"$funcstack[1]\" == _echogwctl ]]; then\n  _echogwctl \"$@\"\n",
      "else\n  compdef _echogwctl ", model.name, "\nfi\n");
}

}  // namespace echogw::ctl
