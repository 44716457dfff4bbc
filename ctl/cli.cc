#include "ctl/cli.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "ctl/client.h"
#include "ctl/option_set.h"
#include "ctl/suggest.h"
#include "ctl/target.h"
#include "ctl/version.h"

namespace echogw {
namespace {

constexpr char kDefaultTarget[] = "127.0.0.1:7001";
constexpr Duration kDefaultTimeout = std::chrono::seconds(5);
constexpr Duration kMaxTimeout = std::chrono::hours(24);

constexpr char kFooter[] = R"(Examples:
  echogwctl stats --watch
  echogwctl resize 4 --wait
  echogwctl drain --wait --deadline 1m
  echogwctl -o json reactors
  ECHOGW_TARGET=unix:/run/echogw/admin.sock echogwctl health

Durations carry a unit: 500ms, 1s, 2m, 1h.
Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 unreachable or too late, 4 cut short.
'echogwctl COMMAND --help' shows the options and examples of a command.)";

// CLI11's help without its notes on which options go together: the parser says that when it counts.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(34);
    label("SUBCOMMAND", "COMMAND");
    label("Positionals", "Arguments");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    // Flags take nothing; an argument's own name says what it is.
    if (option->get_type_name().empty() || option->get_positional()) return "";
    std::string text = " " + option->get_type_name();
    if (option->get_expected_min() == 0) text = " [" + option->get_type_name() + "]";
    if (!option->get_envname().empty()) text += " or " + option->get_envname();
    return text;
  }
};

constexpr char kVerbFooter[] =
    "\n-o, --target and --timeout may be given too: see 'echogwctl --help'.";

struct Globals {
  std::string format = "table";
  std::string target = kDefaultTarget;
  Duration timeout = kDefaultTimeout;
};

OutputFormat FormatOf(const std::string& name) {
  if (name == "json") return OutputFormat::kJson;
  if (name == "yaml") return OutputFormat::kYaml;
  return OutputFormat::kTable;
}

void AddGlobals(CLI::App& app, Globals& globals) {
  OptionSet options(app);
  options.Choice("-o,--output", &globals.format, {"table", "json", "yaml"},
                 "How results are written (table)");
  options
      .Custom(
          "--target", "HOST:PORT|unix:PATH",
          [&globals](const std::string& text) {
            globals.target = text;
            return CheckTarget(text);
          },
          absl::StrCat("The gateway's admin address (", kDefaultTarget, ")"))
      .Env("ECHOGW_TARGET");
  options.Custom(
      "--timeout", "DURATION",
      [&globals](const std::string& text) -> absl::Status {
        const auto timeout = ParseDuration(text);
        if (!timeout.ok()) return timeout.status();
        if (*timeout <= Duration::zero() || *timeout > kMaxTimeout) {
          return absl::InvalidArgumentError(
              absl::StrCat("'", text, "' is out of range; use more than nothing and at most 24h"));
        }
        globals.timeout = *timeout;
        return absl::OkStatus();
      },
      "How long to wait for an answer (5s)");
}

ExitCode Usage(CliEnvironment& environment, const std::string& message, const std::string& verb) {
  environment.err << "echogwctl: " << message << "; see 'echogwctl "
                  << (verb.empty() ? "" : verb + " ") << "--help'\n";
  return ExitCode::kUsage;
}

// The first argument that is no option and not the value of a global option; empty if none.
std::string FirstWord(const std::vector<std::string>& arguments) {
  const std::vector<std::string> with_value = {"-o", "--output", "--target", "--timeout"};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (std::find(with_value.begin(), with_value.end(), arguments[i]) != with_value.end()) {
      ++i;
    } else if (!absl::StartsWith(arguments[i], "-")) {
      return arguments[i];
    }
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

// What CLI11 did not like, as a sentence. `verb` is null when none was reached.
std::string ParseFault(const CLI::ParseError& error, const CLI::App& app, const CLI::App* verb) {
  const std::string said = error.what();
  if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
    return absl::StrReplaceAll(said, {{" excludes ", " cannot be combined with "}});
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return absl::StrCat(said.substr(0, said.find(':')), " needs a value");
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

// Runs `command` with a client for the parsed target.
ExitCode RunCommand(Command& command, const Globals& globals, CliEnvironment& environment) {
  Client client(globals.target, globals.timeout);
  CommandContext context{.client = client,
                         .interrupt = environment.interrupt,
                         .out = environment.out,
                         .err = environment.err,
                         .format = FormatOf(globals.format),
                         .out_is_terminal = environment.out_is_terminal,
                         .err_is_terminal = environment.err_is_terminal,
                         .colour = environment.colour};
  return command.Run(context);
}

}  // namespace

ExitCode RunCli(const std::vector<std::string>& arguments,
                std::vector<std::unique_ptr<Command>> commands, CliEnvironment environment) {
  CLI::App app("Watches and controls an echogw gateway through its admin API.", "echogwctl");
  Globals globals;
  app.set_help_flag("-h,--help", "Show this help and end");
  app.set_version_flag("--version", absl::StrCat("echogwctl ", kCtlVersion),
                       "Show the version of echogwctl and end");
  app.footer(kFooter);
  // Verbs inherit it.
  app.formatter(std::make_shared<HelpFormatter>());
  // Global options may stand before or after the verb.
  app.fallthrough();
  app.require_subcommand(0, 1);
  AddGlobals(app, globals);

  std::map<const CLI::App*, Command*> command_of;
  std::vector<std::string> names;
  for (const auto& command : commands) {
    const CommandHelp help = command->Help();
    names.emplace_back(help.name);
    CLI::App* verb = app.add_subcommand(names.back(), std::string(help.summary));
    verb->fallthrough();
    verb->group("Commands");
    verb->footer(absl::StrCat("Examples:\n", std::string(help.examples), "\n", kVerbFooter));
    OptionSet options(*verb);
    command->AddOptions(options);
    command_of[verb] = command.get();
  }

  const std::string word = FirstWord(arguments);
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
  return RunCommand(*command_of.at(app.get_subcommands().front()), globals, environment);
}

}  // namespace echogw
