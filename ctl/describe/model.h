// The command line as data: what `completion` and `man` are made from. CliTree makes it from the
// definition that the parser itself uses. Values; safe on any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctl/base/command.h"

namespace echogw::ctl {

// One option, or one argument by position.
struct CliOption {
  // Without dashes; either may be empty. Both are for an argument.
  std::string short_name;
  std::string long_name;
  // An argument's name; empty for an option.
  std::string argument;
  // What stands for the value, as in "N" or "on|off"; empty for a flag.
  std::string value;
  // Values that a shell may offer. One that ends in '=' is only the beginning of a value.
  std::vector<std::string> choices;
  bool value_optional = false;
  bool repeatable = false;
  bool required = false;
  // The value is the path of a file or of a folder.
  bool is_path = false;
  // The environment variable that stands in for it; empty if none.
  std::string environment;
  std::string help;

  [[nodiscard]] bool takes_value() const { return !value.empty() && !value_optional; }
  // As typed: "-o", "--output".
  [[nodiscard]] std::vector<std::string> Spellings() const;
};

// What the program and each verb have; a manual page each.
struct CliPage {
  std::string name;
  std::string summary;
  std::vector<std::string> paragraphs;
  // Lines without their indentation.
  std::vector<std::string> examples;
  std::vector<ExitMeaning> exit_codes;
  // Those of the program may stand before or after any verb.
  std::vector<CliOption> options;
};

struct CliVerb : CliPage {
  std::vector<CliOption> arguments;
};

struct CliModel : CliPage {
  std::string version;
  std::vector<CliVerb> verbs;
};

// The codes of every verb that calls the gateway, with their usual meaning.
std::vector<ExitMeaning> CommonExitCodes();
// Those of the verb that `help` is about, in order.
std::vector<ExitMeaning> ExitCodesOf(const CommandHelp& help);

// The paragraphs of CommandHelp::details; the lines of CommandHelp::examples.
std::vector<std::string> Paragraphs(std::string_view details);
std::vector<std::string> ExampleLines(std::string_view examples);

}  // namespace echogw::ctl
