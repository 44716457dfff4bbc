#include "server/config/command_line.h"

#include <CLI/CLI.hpp>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/build_info.h"
#include "server/config/config_file.h"
#include "server/config/config_keys.h"
#include "server/config/config_values.h"

namespace echogw::server {
namespace {

constexpr const char* kDescription = "echogw is a TCP echo gateway with one event loop per CPU.";

constexpr const char* kFooter = R"(
Each setting comes from the first of flag, environment, file, default that has it.
  Environment  ECHOGW_ and the key in capitals: ECHOGW_LOG_LEVEL for --log-level,
               ECHOGW_CONFIG for --config. An empty variable counts as not set.
               Lists are separated by commas.
  File         TOML; the keys are the flags without dashes: log-level = "debug".
               --print-config prints one. Unknown keys are errors.
  SIZE         Bytes, or with KiB, MiB, GiB
  TIME         Such as 500ms, 30s, 1m30s

Signals:
  SIGTERM, SIGINT  Drain as configured, then exit 0; a second one exits at once
                   with 128 + its number
  SIGHUP           Reopen the log file; for the configuration: echogwctl reload

Service managers: NOTIFY_SOCKET and WATCHDOG_USEC are supported. Sockets passed in
LISTEN_FDS replace the default address.

Exit codes:
  0  drained after a signal
  1  failed to start or run
  2  invalid usage or configuration

Examples:
  echogw
      echo on port 7000, admin on 7001, metrics on 7002
  echogw --listen 127.0.0.1:0 --reactors 2
      two reactors on a port that the kernel chooses
  echogw --cpus 2-3 --admin unix:/run/echogw.sock
  ECHOGW_REACTORS=4 echogw --config /etc/echogw.toml --print-config
)";

struct Parsed {
  KeyValues flags;
  std::string config_path;
  bool print_config = false;
  bool fault_close_listeners = false;
};

// Errors quote arguments, which may contain anything, and are one line.
std::string OneLine(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppend(&out, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      out += c;
    }
  }
  return out;
}

CommandLine Fail(const std::string& message) {
  CommandLine result;
  result.exit_code = kExitUsage;
  result.err = absl::StrCat("echogw: ", OneLine(message), "\n");
  return result;
}

CommandLine Print(std::string text) {
  CommandLine result;
  result.exit_code = kExitOk;
  result.out = std::move(text);
  return result;
}

// CLI11 indents lines but does not break them; the help is 80 columns wide.
constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 50;

std::string Wrap(const std::string& text) {
  std::string out;
  std::size_t used = 0;
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  for (const std::string& word : words) {
    const bool breaks = used > 0 && used + 1 + word.size() > kHelpWidth;
    if (breaks) used = 0;
    absl::StrAppend(&out, breaks ? "\n" : used > 0 ? " " : "", word);
    used += word.size() + (used > 0 ? 1 : 0);
  }
  return out;
}

std::string UnknownArgument(const std::string& argument) {
  std::vector<std::string> known = {"--config", "--print-config", "--version", "--help"};
  for (const ConfigKey& key : ConfigKeys()) known.push_back(absl::StrCat("--", key.name));
  const std::string name = argument.substr(0, argument.find('='));
  const std::string meant = ClosestWord(name, known);
  return absl::StrCat("unknown argument '", argument, "'",
                      meant.empty() ? "; see echogw --help" : "; did you mean ", meant,
                      meant.empty() ? "" : "?");
}

// A flag of the table; the values land in `values`, by key.
CLI::Option* AddKey(CLI::App& app, const ConfigKey& key, std::vector<std::string>& values) {
  const std::string shown = key.default_text.empty() ? "none" : key.default_text;
  CLI::Option* option = app.add_option(absl::StrCat("--", key.name), values,
                                       Wrap(absl::StrCat(key.help, " [", shown, "]")));
  option->type_name(key.metavar)->group(key.group);
  if (key.kind == ConfigKey::Kind::kList) {
    option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  } else {
    // A bare switch means on.
    option->expected(key.kind == ConfigKey::Kind::kSwitch ? 0 : 1, 1);
  }
  // One value per occurrence: the next word is an argument of its own.
  option->allow_extra_args(false);
  return option;
}

CommandLine Finish(const Parsed& parsed, const Environment& environment, const Machine& machine) {
  auto loaded = LoadConfig(parsed.flags, environment, parsed.config_path, machine);
  if (!loaded.ok()) return Fail(std::string(loaded.status().message()));
  if (parsed.print_config) return Print(FormatConfig(loaded->settings));
  CommandLine result;
  result.loaded = *std::move(loaded);
  result.loaded.config.fault_close_listeners = parsed.fault_close_listeners;
  if (parsed.fault_close_listeners) {
    result.loaded.warnings.emplace_back(
        "--fault-close-listeners is for tests: a resize to fewer reactors loses connections");
  }
  return result;
}

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment,
                             const Machine& machine) {
  CLI::App app(kDescription, "echogw");
  app.footer(kFooter);
  app.get_formatter()->column_width(kHelpColumn);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version", VersionLine(), "Print the version and exit");
  app.allow_extras(true);
  Parsed parsed;
  app.add_option("--config", parsed.config_path, "Read settings from this file")->type_name("FILE");
  app.add_flag(
      "--print-config", parsed.print_config,
      Wrap("Print the settings in use and their sources as a file for --config, and exit"));
  // Hidden: lets tests show that they detect a gateway that loses connections.
  app.add_flag("--fault-close-listeners", parsed.fault_close_listeners)->group("");
  // Hidden: a gateway passes it to the process that replaces it, where main() reads it.
  int takeover_fd = -1;
  app.add_option("--takeover-fd", takeover_fd)->group("");
  std::map<std::string, std::vector<std::string>> values;
  std::map<std::string, CLI::Option*> options;
  for (const ConfigKey& key : ConfigKeys()) {
    options[key.name] = AddKey(app, key, values[key.name]);
  }
  // CLI11 reports by exceptions, which end here.
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Print(app.help());
  } catch (const CLI::CallForVersion&) {
    return Print(absl::StrCat(VersionLine(), "\n"));
  } catch (const CLI::ParseError& error) {
    return Fail(error.what());
  }
  if (const auto extras = app.remaining(); !extras.empty()) {
    return Fail(UnknownArgument(extras.front()));
  }
  for (const ConfigKey& key : ConfigKeys()) {
    if (options[key.name]->count() == 0) continue;
    std::vector<std::string>& given = values[key.name];
    const bool bare = given.empty() || (given.size() == 1 && given[0].empty());
    if (bare && key.kind == ConfigKey::Kind::kSwitch) given = {"on"};
    parsed.flags[key.name] = given.empty() ? std::vector<std::string>{""} : given;
  }
  return Finish(parsed, environment, machine);
}

}  // namespace echogw::server
