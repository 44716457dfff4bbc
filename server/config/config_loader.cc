#include "server/config/config_loader.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reactor/poll/poller.h"
#include "server/config/access_config.h"
#include "server/config/address_keys.h"
#include "server/config/config_file.h"
#include "server/config/config_keys.h"
#include "server/config/config_values.h"
#include "server/config/protocol_config.h"

namespace echogw::server {
namespace {

constexpr const char* kPrefix = "ECHOGW_";
constexpr const char* kConfigVariable = "ECHOGW_CONFIG";
// Variables of echogwctl, which often runs in the same environment.
constexpr auto kCtlVariables = std::to_array<const char*>(
    {"ECHOGW_TARGET", "ECHOGW_TLS", "ECHOGW_CA_CERT", "ECHOGW_CLIENT_CERT", "ECHOGW_CLIENT_KEY",
     "ECHOGW_SERVER_NAME", "ECHOGW_TOKEN", "ECHOGW_TOKEN_FILE"});

// A variable holds a list separated by commas; the parser refuses empty elements.
std::vector<std::string> SplitList(const std::string& value) {
  std::vector<std::string> parts = absl::StrSplit(value, ',');
  for (std::string& part : parts) absl::StripAsciiWhitespace(&part);
  return parts;
}

struct Sources {
  const KeyValues& flags;
  const Environment& environment;
  std::map<std::string, FileSetting> file;
};

Setting Choose(const ConfigKey& key, const Sources& from) {
  const std::string variable = EnvironmentName(key.name);
  Setting setting{
      .key = key.name, .values = {key.default_text}, .source = "default", .meaning = ""};
  if (const auto flag = from.flags.find(key.name); flag != from.flags.end()) {
    setting.values = flag->second;
    setting.source = absl::StrCat("--", key.name);
  } else if (const auto set = from.environment.find(variable);
             set != from.environment.end() && !set->second.empty()) {
    const bool list = key.kind == ConfigKey::Kind::kList;
    setting.values = list ? SplitList(set->second) : std::vector<std::string>{set->second};
    setting.source = variable;
  } else if (const auto line = from.file.find(key.name); line != from.file.end()) {
    setting.values = line->second.values;
    setting.source = line->second.source;
  }
  // A list that is left empty has no values, not an empty one.
  if (key.default_text.empty() && setting.values == std::vector<std::string>{""} &&
      key.kind == ConfigKey::Kind::kList) {
    setting.values.clear();
  }
  return setting;
}

// "7000_TCP" and "7000_TCP_ADDR", of ECHOGW_PORT_7000_TCP_ADDR.
bool IsPortOfLink(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '_');
  const auto is_one_of = [](const std::string& word, std::initializer_list<const char*> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  const bool digits =
      !parts[0].empty() && std::all_of(parts[0].begin(), parts[0].end(), absl::ascii_isdigit);
  return digits && (parts.size() == 2 || parts.size() == 3) &&
         is_one_of(parts[1], {"TCP", "UDP", "SCTP"}) &&
         (parts.size() == 2 || is_one_of(parts[2], {"ADDR", "PORT", "PROTO"}));
}

// Whether Kubernetes, or a link of Docker, sets this variable in the pods of a service of such a
// name: ECHOGW_SERVICE_HOST, ECHOGW_ADMIN_SERVICE_PORT_GRPC, ECHOGW_PORT=tcp://10.0.0.1:7000.
bool IsServiceLink(const std::string& name, const std::string& value) {
  const std::string port = "_PORT_";
  const auto at = name.find(port, sizeof("ECHOGW") - 1);
  return absl::EndsWith(name, "_SERVICE_HOST") || absl::EndsWith(name, "_SERVICE_PORT") ||
         absl::StrContains(name, "_SERVICE_PORT_") ||
         (absl::EndsWith(name, "_PORT") && absl::StrContains(value, "://")) ||
         (at != std::string::npos && IsPortOfLink(name.substr(at + port.size())));
}

// An unknown variable is not an error, because others set some; it is worth a warning.
std::vector<std::string> UnusedVariables(const Environment& environment) {
  std::vector<std::string> known(kCtlVariables.begin(), kCtlVariables.end());
  known.emplace_back(kConfigVariable);
  for (const ConfigKey& key : ConfigKeys()) known.push_back(EnvironmentName(key.name));
  std::vector<std::string> warnings;
  for (const auto& [name, value] : environment) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (IsServiceLink(name, value)) continue;
    const std::string meant = ClosestWord(name, known);
    warnings.push_back(absl::StrCat(
        "the variable ", IsPlainText(name) ? name : absl::CHexEscape(name), " is not used; ",
        meant.empty() ? "'echogw --help' lists the settings"
                      : absl::StrCat("did you mean ", meant, "?")));
  }
  return warnings;
}

std::string Meaning(const Setting& setting, const Config& config) {
  if (setting.values.empty() || setting.values.front() != "auto") return "";
  if (setting.key == "instance") return config.reactor.instance;
  if (setting.key == "poller") return PollerName(config.reactor.poller);
  if (setting.key == "reactors") return absl::StrCat(config.reactors);
  if (setting.key == "cpus") return config.cpus.empty() ? "none" : FormatCpuList(config.cpus);
  return "";
}

absl::StatusOr<std::map<std::string, FileSetting>> ReadFile(const Environment& environment,
                                                            std::string path) {
  std::map<std::string, FileSetting> by_key;
  if (path.empty()) {
    const auto variable = environment.find(kConfigVariable);
    if (variable != environment.end()) path = variable->second;
  }
  if (path.empty()) return by_key;
  if (!IsPlainText(path)) {
    return absl::InvalidArgumentError("config: the path holds a control character or is not UTF-8");
  }
  auto settings = ReadConfigFile(path);
  if (!settings.ok()) return absl::InvalidArgumentError(std::string(settings.status().message()));
  for (FileSetting& setting : *settings) by_key[setting.key] = std::move(setting);
  return by_key;
}

absl::Status Apply(const ConfigKey& key, const std::vector<std::string>& values,
                   const Machine& machine, Config& config) {
  if (!std::all_of(values.begin(), values.end(), IsPlainText)) {
    return absl::InvalidArgumentError("the value holds a control character or is not UTF-8");
  }
  return key.apply(values, machine, config);
}

// Sets what depends on more than one key.
void Resolve(LoadedConfig& loaded) {
  Config& config = loaded.config;
  // A turn is at least one read, or it would never end a full buffer.
  config.reactor.turn_bytes = std::max(config.reactor.turn_bytes, config.reactor.buffer_bytes);
  for (Setting& setting : loaded.settings) {
    if (setting.key == "log-level" && setting.values.front() == "auto" &&
        !config.log.file.empty()) {
      config.log.console = LogThreshold::kError;
    }
    setting.meaning = Meaning(setting, config);
  }
}

}  // namespace

Environment ReadEnvironment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string::npos || text.rfind(kPrefix, 0) != 0) continue;
    out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

absl::StatusOr<LoadedConfig> LoadConfig(const KeyValues& flags, const Environment& environment,
                                        const std::string& config_path, const Machine& machine) {
  auto file = ReadFile(environment, config_path);
  if (!file.ok()) return file.status();
  const Sources sources{flags, environment, *std::move(file)};
  LoadedConfig loaded;
  for (const ConfigKey& key : ConfigKeys()) {
    Setting setting = Choose(key, sources);
    if (const auto status = Apply(key, setting.values, machine, loaded.config); !status.ok()) {
      const bool from_file = setting.source.find(':') != std::string::npos;
      return absl::InvalidArgumentError(absl::StrCat(setting.source, ": ",
                                                     from_file ? absl::StrCat(key.name, ": ") : "",
                                                     std::string(status.message())));
    }
    loaded.settings.push_back(std::move(setting));
  }
  if (auto status = CheckPorts(loaded.config); !status.ok()) return status;
  if (auto status = CheckProtocols(loaded.config); !status.ok()) return status;
  if (auto status = CheckAdminAccess(loaded.config); !status.ok()) return status;
  if (auto status = CheckMetricsAccess(loaded.config); !status.ok()) return status;
  Resolve(loaded);
  loaded.warnings = UnusedVariables(environment);
  for (std::string& warning : AccessWarnings(loaded.config)) {
    loaded.warnings.push_back(std::move(warning));
  }
  return loaded;
}

}  // namespace echogw::server
