#include "ctl/cli/cli.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "ctl/base/printable.h"
#include "ctl/cli/cli_tree.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/suggest.h"
#include "ctl/gateway/client.h"

namespace echogw::ctl {
namespace {

OutputFormat FormatOf(const std::string& name) {
  if (name == "json") return OutputFormat::kJson;
  if (name == "yaml") return OutputFormat::kYaml;
  return OutputFormat::kTable;
}

// Arguments are quoted in errors, and may hold anything; an error is one line.
ExitCode Usage(CliEnvironment& environment, const std::string& message, const std::string& verb) {
  environment.err << "echogwctl: " << Printable(message)
                  << (message.back() == '?' ? " See" : "; see") << " 'echogwctl "
                  << (verb.empty() ? "" : verb + " ") << "--help'\n";
  return ExitCode::kUsage;
}

// The first argument that is neither an option nor the value of a global option; empty if none.
std::string FirstWord(const CLI::App& app, const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!absl::StartsWith(arguments[i], "-")) return arguments[i];
    const CLI::Option* option = app.get_option_no_throw(arguments[i]);
    if (option != nullptr && option->get_expected_min() > 0) ++i;
  }
  return "";
}

// Names of the long options that may be used with `verb`.
std::vector<std::string> LongOptions(const CLI::App& app, const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::App* from : {&verb, &app}) {
    for (const CLI::Option* option : from->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

// CLI11's error as a sentence. `verb` is null if none was reached.
std::string ParseFault(const CLI::ParseError& error, const CLI::App& app, const CLI::App* verb) {
  const std::string said = error.what();
  if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
    return absl::StrReplaceAll(said, {{" excludes ", " cannot be combined with "}});
  }
  // Only flags are converted by CLI11: "Could not convert: --tls = maybe".
  const std::size_t value = said.rfind(" = ");
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr && value != said.npos) {
    const std::size_t name = said.find(": ") + 2;
    return absl::StrCat(said.substr(name, value - name), ": '", said.substr(value + 3),
                        "' is not a boolean; use true or false");
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string name = said.substr(0, said.find(':'));
    return absl::StrContains(said, ": At Most ")
               ? absl::StrCat(name, " is given more than once; give it once")
               : absl::StrCat(name, " needs a value");
  }
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || verb == nullptr) return said;
  const std::vector<std::string> left = app.remaining(true);
  if (left.empty()) return said;
  const std::string& word = left.front();
  std::string fault = absl::StrCat(verb->get_name(), " does not take '", word, "'");
  if (absl::StartsWith(word, "--")) {
    const std::string nearest = Nearest(word, LongOptions(app, *verb));
    if (!nearest.empty()) absl::StrAppend(&fault, "; did you mean '", nearest, "'?");
  }
  return fault;
}

// Runs the verb that was parsed with a client for the parsed target.
ExitCode RunCommand(CliTree& tree, CliEnvironment& environment) {
  Command& command = tree.CommandOf(tree.app().get_subcommands().front());
  Access access;
  if (command.CallsGateway()) {
    auto loaded = LoadAccess(tree.globals().access, tree.globals().target);
    if (!loaded.ok()) return Usage(environment, std::string(loaded.status().message()), "");
    access = *std::move(loaded);
  }
  Client client(tree.globals().target, tree.globals().timeout, std::move(access));
  CommandContext context{
      {environment}, client, FormatOf(tree.globals().format), [&tree] { return tree.Describe(); }};
  return command.Run(context);
}

}  // namespace

std::vector<std::unique_ptr<Command>> MakeCommands() {
  std::vector<std::unique_ptr<Command>> commands;
#define VERB(file, Name) commands.push_back(Make##Name##Command());
#define OTHER(part, Name) commands.push_back(part::Make##Name##Command());
#include "ctl/cli/verbs.inc"
#undef VERB
#undef OTHER
  return commands;
}

ExitCode RunCli(const std::vector<std::string>& arguments,
                std::vector<std::unique_ptr<Command>> commands, CliEnvironment environment) {
  CliTree tree(commands);
  CLI::App& app = tree.app();
  const std::string word = FirstWord(app, arguments);
  const std::vector<std::string> names = tree.names();
  if (!word.empty() && std::find(names.begin(), names.end(), word) == names.end()) {
    const std::string nearest = Nearest(word, names);
    return Usage(
        environment,
        absl::StrCat("unknown command '", word, "'",
                     nearest.empty() ? "" : absl::StrCat("; did you mean '", nearest, "'?")),
        "");
  }
  try {
    // CLI11 takes the arguments from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error, environment.out, environment.err);
      return ExitCode::kOk;
    }
    const CLI::App* verb = app.get_subcommands().empty() ? nullptr : app.get_subcommands().front();
    return Usage(environment, ParseFault(error, app, verb), verb == nullptr ? "" : word);
  }
  if (app.get_subcommands().empty()) {
    return Usage(environment, "no command given, for example 'echogwctl stats'", "");
  }
  return RunCommand(tree, environment);
}

}  // namespace echogw::ctl
