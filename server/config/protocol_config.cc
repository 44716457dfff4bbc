#include "server/config/protocol_config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/config_values.h"

namespace echogw::server {
namespace {

using Values = std::vector<std::string>;
using Kind = ConfigKey::Kind;

constexpr char kGroup[] = "Protocols";
constexpr std::size_t kInstanceMax = 64;

absl::Status Twice(const std::string& words, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("'", words, "@' ", what));
}

absl::StatusOr<Service> ParseService(const std::string& words) {
  const Words<ServiceMode> modes = {{"echo", ServiceMode::kEcho},
                                    {"discard", ServiceMode::kDiscard},
                                    {"chargen", ServiceMode::kChargen},
                                    {"banner", ServiceMode::kBanner}};
  Service service;
  std::optional<ServiceMode> mode;
  const std::vector<std::string> parts = absl::StrSplit(words, '+');
  for (const std::string& word : parts) {
    const auto named = std::find_if(modes.begin(), modes.end(),
                                    [&word](const auto& m) { return word == m.first; });
    if (named != modes.end()) {
      if (mode) return Twice(words, "names two modes");
      mode = named->second;
    } else if (word == "proxy" || word == "proxy-optional") {
      if (service.proxy != ProxyUse::kNone) return Twice(words, "says twice what proxies do");
      service.proxy = word == "proxy" ? ProxyUse::kRequired : ProxyUse::kOptional;
    } else if (word == "tls") {
      if (service.tls) return Twice(words, "says tls twice");
      service.tls = true;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("'", word, "' is not one of echo, discard, chargen, banner, tls, proxy, ",
                       "proxy-optional; write WORD@HOST:PORT or WORD+WORD@HOST:PORT"));
    }
  }
  service.mode = mode.value_or(ServiceMode::kEcho);
  // A client of TLS always speaks first.
  const bool waits =
      service.tls || service.mode == ServiceMode::kEcho || service.mode == ServiceMode::kDiscard;
  if (service.proxy == ProxyUse::kOptional && !waits) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", words, "@': whether a header comes shows when the client speaks, and ",
                     ServiceModeName(service.mode), " speaks first; use proxy"));
  }
  return service;
}

// "HOST:PORT" or "unix:PATH".
absl::StatusOr<ListenAddress> ParsePlain(const std::string& text) {
  auto address = ParseAdminAddress(text);
  if (!address.ok()) return address.status();
  ListenAddress out = address->tcp;
  out.unix_path = address->unix_path;
  return out;
}

absl::Status ApplyUnixMode(const Values& values, const Machine& /*machine*/, Config& config) {
  auto mode = ParseFileMode(values[0]);
  if (!mode.ok()) return mode.status();
  config.listen_options.unix_mode = *mode;
  return absl::OkStatus();
}

absl::Status ApplyInstance(const Values& values, const Machine& /*machine*/, Config& config) {
  std::array<char, HOST_NAME_MAX + 1> host{};
  // Fails only for a name that does not fit, which the kernel does not allow.
  (void)::gethostname(host.data(), host.size() - 1);
  if (host.front() != '\0') config.reactor.host = host.data();
  const std::string& name = values[0];
  if (name == "auto") {
    config.reactor.instance = config.reactor.host;
    return absl::OkStatus();
  }
  const bool graphic =
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return c > 0x20 && c != 0x7F; });
  if (name.empty() || name.size() > kInstanceMax || !graphic) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' is not a name of 1 to ", kInstanceMax, " bytes without spaces"));
  }
  config.reactor.instance = name;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListen(const std::string& text) {
  // A path may hold an @.
  const auto at = text.rfind("unix:", 0) == 0 ? std::string::npos : text.find('@');
  if (at == std::string::npos) return ParsePlain(text);
  auto service = ParseService(text.substr(0, at));
  if (!service.ok()) return service.status();
  auto address = ParsePlain(text.substr(at + 1));
  if (!address.ok()) return address.status();
  address->service = *service;
  return address;
}

namespace {

// The engine receives ahead of its reactor, which neither a session nor a byte limit could bound.
absl::Status CheckEngine(const Config& config) {
  if (config.reactor.poller != PollerKind::kIoUring) return absl::OkStatus();
  constexpr char kInstead[] = "; take --poller epoll";
  for (const ListenAddress& address : config.listen) {
    if (address.is_unix() || !address.service.plain()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "poller: io_uring serves plain TCP echo, not '", address.Spec(), "'", kInstead));
    }
  }
  if (config.reactor.limits.rate != 0 || config.reactor.limits.output_buffer != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("poller: io_uring has no rate and no output-buffer", kInstead));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckProtocols(const Config& config) {
  if (auto status = CheckEngine(config); !status.ok()) return status;
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    return absl::InvalidArgumentError("tls-cert and tls-key need each other");
  }
  const bool wanted = std::any_of(config.listen.begin(), config.listen.end(),
                                  [](const ListenAddress& a) { return a.service.tls; });
  if (wanted && config.tls_cert.empty()) {
    return absl::InvalidArgumentError("listen: tls@ needs tls-cert and tls-key");
  }
  if (!wanted && !config.tls_cert.empty()) {
    return absl::InvalidArgumentError(
        "tls-cert: no address is served by TLS; write --listen tls@HOST:PORT");
  }
  return absl::OkStatus();
}

std::vector<ConfigKey> ProtocolKeys() {
  return {
      {"instance", kGroup, "auto|NAME", "auto",
       "What banners call this gateway; auto: the name of the machine", Kind::kText, ApplyInstance},
      {"tls-cert", kGroup, "FILE", "",
       "Certificate chain (PEM) of the addresses with tls; read again when it changes", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         c.tls_cert = v[0];
         return absl::OkStatus();
       }},
      {"tls-key", kGroup, "FILE", "", "Its private key (PEM)", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         c.tls_key = v[0];
         return absl::OkStatus();
       }},
      {"handshake-timeout", kGroup, "TIME", "5s",
       "A PROXY header and a TLS handshake must be there after this time", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         auto time = ParseDuration(v[0], std::chrono::milliseconds(1), std::chrono::hours(1));
         if (!time.ok()) return time.status();
         c.reactor.handshake_timeout = *time;
         return absl::OkStatus();
       }},
      {"unix-mode", kGroup, "MODE", "0666",
       "File mode of the unix sockets of --listen; who may write may connect", Kind::kText,
       ApplyUnixMode},
  };
}

}  // namespace echogw::server
