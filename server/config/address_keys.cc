#include "server/config/address_keys.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/config/config_values.h"
#include "server/config/protocol_config.h"

namespace echogw::server {
namespace {

using Values = std::vector<std::string>;

// ":PORT" means all addresses of the machine; "[::]:PORT" requires IPv6.
void Complete(ListenAddress& address, const Machine& machine) {
  if (address.host.empty()) address.host = machine.has_ipv6 ? "::" : "0.0.0.0";
  address.dual_stack = address.host == "::";
}

template <typename Parse>
absl::Status ReadAddresses(const Values& values, const Machine& machine, Parse parse,
                           std::vector<ListenAddress>& out) {
  out.clear();
  for (const std::string& text : values) {
    absl::StatusOr<ListenAddress> address = parse(text);
    if (!address.ok()) return address.status();
    if (!address->is_unix()) Complete(*address, machine);
    for (const ListenAddress& other : out) {
      const auto wild = [](const ListenAddress& a) { return a.dual_stack || a.host == "0.0.0.0"; };
      const bool clash = other.host == address->host || (wild(other) && wild(*address));
      const bool same_path = address->is_unix() && other.unix_path == address->unix_path;
      if (same_path || (address->port != 0 && other.port == address->port && clash)) {
        return absl::InvalidArgumentError(
            absl::StrCat("'", text, "' covers the same address as ", other.ToString()));
      }
    }
    out.push_back(*std::move(address));
  }
  return absl::OkStatus();
}

// Whether a socket at one address is in the way of one at the other.
bool Overlap(const ListenAddress& a, const ListenAddress& b) {
  if (a.port == 0 || a.port != b.port) return false;
  const auto is_v4 = [](const ListenAddress& x) { return x.host.find(':') == std::string::npos; };
  const auto covers = [&](const ListenAddress& x, const ListenAddress& y) {
    return x.dual_stack || (x.host == "0.0.0.0" && is_v4(y));
  };
  return a.host == b.host || covers(a, b) || covers(b, a);
}

}  // namespace

absl::Status ApplyListen(const Values& values, const Machine& machine, Config& config) {
  if (values.empty()) return absl::InvalidArgumentError("needs at least one address");
  return ReadAddresses(values, machine, ParseListen, config.listen);
}

absl::Status ApplyListenUdp(const Values& values, const Machine& machine, Config& config) {
  return ReadAddresses(values, machine, ParseHostPort, config.listen_udp);
}

absl::Status ApplyAdmin(const Values& values, const Machine& machine, Config& config) {
  auto address = ParseAdminAddress(values[0]);
  if (!address.ok()) return address.status();
  if (address->unix_path.empty()) Complete(address->tcp, machine);
  config.admin = *std::move(address);
  return absl::OkStatus();
}

absl::Status ApplyMetrics(const Values& values, const Machine& machine, Config& config) {
  config.metrics.reset();
  if (values[0] == "off") return absl::OkStatus();
  auto address = ParseHostPort(values[0]);
  if (!address.ok()) return address.status();
  Complete(*address, machine);
  config.metrics = *std::move(address);
  return absl::OkStatus();
}

absl::Status CheckPorts(const Config& config) {
  const auto clash = [](const char* key, const ListenAddress& a, const char* other,
                        const ListenAddress& b) {
    return absl::InvalidArgumentError(absl::StrCat(key, ": ", a.ToString(), " is in the way of ",
                                                   other, " ", b.ToString(),
                                                   "; choose another port"));
  };
  const bool admin_tcp = config.admin.unix_path.empty();
  for (const ListenAddress& listen : config.listen) {
    if (listen.is_unix() && listen.unix_path == config.admin.unix_path) {
      return clash("admin", config.admin.tcp, "listen", listen);
    }
    if (admin_tcp && Overlap(config.admin.tcp, listen)) {
      return clash("admin", config.admin.tcp, "listen", listen);
    }
    if (config.metrics && Overlap(*config.metrics, listen)) {
      return clash("metrics", *config.metrics, "listen", listen);
    }
  }
  if (admin_tcp && config.metrics && Overlap(*config.metrics, config.admin.tcp)) {
    return clash("metrics", *config.metrics, "admin", config.admin.tcp);
  }
  return absl::OkStatus();
}

}  // namespace echogw::server
