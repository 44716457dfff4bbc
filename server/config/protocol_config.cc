#include "server/config/protocol_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/config_values.h"

namespace echogw::server {
namespace {

absl::Status Twice(const std::string& words, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("'", words, "@' ", what));
}

absl::StatusOr<Service> ParseService(const std::string& words) {
  Service service;
  const ServiceMode* mode = nullptr;
  const std::vector<std::string> parts = absl::StrSplit(words, '+');
  for (const std::string& word : parts) {
    if (const ServiceMode* named = FindServiceMode(word); named != nullptr) {
      if (mode != nullptr) return Twice(words, "names two modes");
      mode = named;
    } else if (word == "proxy" || word == "proxy-optional") {
      if (service.proxy != ProxyUse::kNone) return Twice(words, "says twice what proxies do");
      service.proxy = word == "proxy" ? ProxyUse::kRequired : ProxyUse::kOptional;
    } else if (word == "tls") {
      if (service.tls) return Twice(words, "says tls twice");
      service.tls = true;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("'", word, "' is not one of ", ServiceWords(), ", tls, proxy, ",
                       "proxy-optional; write WORD@HOST:PORT or WORD+WORD@HOST:PORT"));
    }
  }
  if (mode != nullptr) service.mode = mode;
  // A client of TLS always speaks first.
  if (service.proxy == ProxyUse::kOptional && !service.tls && service.mode->speaks_first) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", words, "@': whether a header comes shows when the client speaks, and ",
                     service.mode->word, " speaks first; use proxy"));
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

}  // namespace echogw::server
