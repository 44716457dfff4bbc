#include "ctl/cli/cli_tree.h"

#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "ctl/base/version.h"
#include "ctl/cli/option_set.h"
#include "ctl/describe/fill.h"
#include "ctl/gateway/target.h"

namespace echogw::ctl {
namespace {

constexpr Duration kMaxTimeout = std::chrono::hours(24);
constexpr std::size_t kHelpWidth = 80;
constexpr std::size_t kOptionColumn = 34;

// CLI11's help without its notes on which options exclude or need each other.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(kOptionColumn);
    label("SUBCOMMAND", "COMMAND");
    label("Positionals", "Arguments");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional()) return "";
    std::string text;
    if (!option->get_type_name().empty()) text = " " + option->get_type_name();
    if (option->get_expected_min() == 0 && !text.empty())
      text = " [" + option->get_type_name() + "]";
    if (!option->get_envname().empty()) text += " or " + option->get_envname();
    return text;
  }
};

std::string ExitCodeLines(const std::vector<ExitMeaning>& codes) {
  std::string text;
  for (const auto& [code, meaning] : codes) {
    text += Fill(meaning, kHelpWidth, absl::StrCat("  ", code, "  "), "     ");
  }
  return text;
}

// The help of a verb below its options.
std::string VerbFooter(const CommandHelp& help) {
  std::string text = absl::StrCat("Examples:\n", std::string(help.examples), "\n");
  for (const std::string& paragraph : Paragraphs(help.details)) {
    absl::StrAppend(&text, "\n", Fill(paragraph, kHelpWidth, "", ""));
  }
  return absl::StrCat(
      text, "\nExit codes:\n", ExitCodeLines(ExitCodesOf(help)),
      "\nGlobal options such as -o, --target and --timeout: see 'echogwctl --help'.");
}

// What a shell may offer: "on" of "on", "connections=" of "connections=N", else nothing.
std::string Offer(const std::string& alternative) {
  const std::size_t capital = static_cast<std::size_t>(
      std::find_if(alternative.begin(), alternative.end(),
                   [](unsigned char c) { return absl::ascii_isupper(c); }) -
      alternative.begin());
  if (capital == alternative.size()) return alternative;
  const std::string begin = alternative.substr(0, capital);
  return !begin.empty() && begin.back() == '=' ? begin : "";
}

std::vector<std::string> ChoicesOf(const std::string& value,
                                   const std::vector<std::string>& verbs) {
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
  made.choices = ChoicesOf(made.value, verbs);
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

// The help of the program, as in CommandHelp.
constexpr char kProgramExamples[] = R"(  echogwctl stats --watch
  echogwctl conns --sort idle --limit 20
  echogwctl resize 4 --wait
  echogwctl drain --wait --deadline 1m
  echogwctl -o json reactors
  ECHOGW_TARGET=unix:/run/echogw/admin.sock echogwctl health)";

constexpr char kProgramDetails[] =
    "Results are written to standard output, everything else to standard error. An error is one "
    "line that says what to do. Colour is used on a terminal only, unless NO_COLOR is set or TERM "
    "is dumb.\n\n"
    "Durations carry a unit: 500ms, 1s, 2m, 1h, 1m30s. Sizes are bytes, or KiB, MiB and GiB.";

}  // namespace

CliTree::CliTree(const std::vector<std::unique_ptr<Command>>& commands)
    : commands_(commands),
      app_("Monitors and controls an echogw gateway through its admin API.", "echogwctl") {
  app_.set_help_flag("-h,--help", "Show this help and exit");
  app_.set_version_flag("--version", absl::StrCat("echogwctl ", kCtlVersion),
                        "Show the version of echogwctl and exit");
  app_.footer(absl::StrCat("Examples:\n", kProgramExamples, R"(

Durations carry a unit: 500ms, 1s, 2m, 1h.
Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 unreachable or timed out, 4 incomplete.
'echogwctl COMMAND --help' shows the options, examples and exit codes of a command;
'echogwctl man' prints the manual, 'echogwctl completion bash' a completion script.)"));
  // Verbs inherit it.
  app_.formatter(std::make_shared<HelpFormatter>());
  // Global options may stand before or after the verb.
  app_.fallthrough();
  app_.require_subcommand(0, 1);
  AddGlobals();
  for (const auto& command : commands) AddVerb(*command);
}

void CliTree::AddGlobals() {
  OptionSet options(app_);
  options.Choice("-o,--output", &globals_.format, {"table", "json", "yaml"},
                 "Output format (table)");
  options
      .Custom(
          "--target", "HOST:PORT|unix:PATH",
          [this](const std::string& text) {
            globals_.target = text;
            return CheckTarget(text);
          },
          absl::StrCat("The gateway's admin address (", kDefaultTarget, ")"))
      .Env("ECHOGW_TARGET");
  options.Custom(
      "--timeout", "DURATION",
      [this](const std::string& text) -> absl::Status {
        const auto timeout = ParseDuration(text);
        if (!timeout.ok()) return timeout.status();
        if (*timeout <= Duration::zero() || *timeout > kMaxTimeout) {
          return absl::InvalidArgumentError(
              absl::StrCat("'", text, "' is out of range; use more than 0s and at most 24h"));
        }
        globals_.timeout = *timeout;
        return absl::OkStatus();
      },
      "Timeout for a response (5s)");
  AddAccess(options);
}

void CliTree::AddAccess(OptionSet& options) {
  AccessOptions& access = globals_.access;
  options.Flag("--tls", &access.tls, "Use TLS; verify the gateway against the system CAs")
      .Env("ECHOGW_TLS");
  struct {
    const char* name;
    const char* environment;
    std::string* value;
    const char* type;
    const char* help;
  } const texts[] = {
      {"--ca-cert", "ECHOGW_CA_CERT", &access.ca_cert, "FILE",
       "Use TLS; verify the gateway against the CAs in this file (PEM)"},
      {"--client-cert", "ECHOGW_CLIENT_CERT", &access.client_cert, "FILE",
       "Use TLS; present this client certificate (PEM)"},
      {"--client-key", "ECHOGW_CLIENT_KEY", &access.client_key, "FILE",
       "Private key of the client certificate (PEM)"},
      {"--server-name", "ECHOGW_SERVER_NAME", &access.server_name, "TEXT",
       "Use TLS; the name expected in the gateway's certificate, if not that of the target"},
      {"--token-file", "ECHOGW_TOKEN_FILE", &access.token_file, "FILE",
       "Send the bearer token in this file, or in ECHOGW_TOKEN"}};
  for (const auto& [name, environment, value, type, help] : texts) {
    options.Text(name, value, help, type).Env(environment);
  }
  const char* token = std::getenv("ECHOGW_TOKEN");
  if (token != nullptr) access.token = token;
}

void CliTree::AddVerb(Command& command) {
  const CommandHelp help = command.Help();
  CLI::App* verb = app_.add_subcommand(std::string(help.name), std::string(help.summary));
  verb->fallthrough();
  verb->group("Commands");
  // Only made for the help.
  verb->footer([help] { return VerbFooter(help); });
  OptionSet options(*verb);
  command.AddOptions(options);
  command_of_[verb] = &command;
}

std::vector<std::string> CliTree::names() const {
  std::vector<std::string> names;
  for (const auto& command : commands_) names.emplace_back(command->Help().name);
  return names;
}

CliModel CliTree::Describe() const {
  const std::vector<std::string> verbs = names();
  CliModel model;
  model.name = app_.get_name();
  model.version = kCtlVersion;
  model.summary = app_.get_description();
  model.paragraphs = Paragraphs(kProgramDetails);
  model.examples = ExampleLines(kProgramExamples);
  model.exit_codes = CommonExitCodes();
  model.exit_codes.push_back({4, "only partly done, or a deadline of the command passed"});
  DescribeOptions(app_, verbs, model.options, nullptr);
  for (const auto& command : commands_) {
    const CommandHelp help = command->Help();
    CliVerb verb;
    verb.name = std::string(help.name);
    verb.summary = std::string(help.summary);
    verb.paragraphs = Paragraphs(help.details);
    verb.examples = ExampleLines(help.examples);
    verb.exit_codes = ExitCodesOf(help);
    DescribeOptions(*app_.get_subcommand(verb.name), verbs, verb.options, &verb.arguments);
    model.verbs.push_back(std::move(verb));
  }
  return model;
}

}  // namespace echogw::ctl
