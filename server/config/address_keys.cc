#include "server/config/address_keys.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/config/config_values.h"
#include "server/config/protocol_config.h"

namespace echogw::server {
namespace {

using Values = std::vector<std::string>;
using Addresses = std::vector<ListenAddress>;

constexpr const char* kLocalhost = "localhost";

// ":PORT" means all addresses of the machine; "[::]:PORT" requires IPv6.
void Complete(ListenAddress& address, const Machine& machine) {
  if (address.host.empty()) address.host = machine.has_ipv6 ? "::" : "0.0.0.0";
  address.dual_stack = address.host == "::";
}

// What `address` means on this machine. "localhost" is both loopback addresses (RFC 6761), on one
// port.
Addresses Expand(ListenAddress address, const Machine& machine) {
  if (address.is_unix()) return {address};
  if (address.host != kLocalhost) {
    Complete(address, machine);
    return {address};
  }
  address.host = "127.0.0.1";
  if (!machine.has_ipv6_loopback) return {address};
  ListenAddress v6 = address;
  v6.host = "::1";
  v6.takes_last_port = v6.port == 0;
  return {address, v6};
}

absl::Status AddAddress(const std::string& text, const ListenAddress& address, Addresses& out) {
  for (const ListenAddress& other : out) {
    const auto wild = [](const ListenAddress& a) { return a.dual_stack || a.host == "0.0.0.0"; };
    const bool clash = other.host == address.host || (wild(other) && wild(address));
    const bool same_path = address.is_unix() && other.unix_path == address.unix_path;
    if (same_path || (address.port != 0 && other.port == address.port && clash)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' covers the same address as ", other.ToString(),
                       address.host == "::1" ? "; localhost is 127.0.0.1 and ::1" : ""));
    }
  }
  out.push_back(address);
  return absl::OkStatus();
}

template <typename Parse>
absl::Status ReadAddresses(const Values& values, const Machine& machine, Parse parse,
                           Addresses& out) {
  out.clear();
  for (const std::string& text : values) {
    absl::StatusOr<ListenAddress> address = parse(text);
    if (!address.ok()) return address.status();
    for (const ListenAddress& each : Expand(*std::move(address), machine)) {
      if (absl::Status s = AddAddress(text, each, out); !s.ok()) return s;
    }
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
  if (address->unix_path.empty()) {
    const Addresses both = Expand(address->tcp, machine);
    address->tcp = both.front();
    if (both.size() > 1) address->loopback_v6 = both.back();
  }
  config.admin = *std::move(address);
  return absl::OkStatus();
}

absl::Status ApplyMetrics(const Values& values, const Machine& machine, Config& config) {
  config.metrics.reset();
  config.metrics_loopback_v6.reset();
  if (values[0] == "off") return absl::OkStatus();
  auto address = ParseHostPort(values[0]);
  if (!address.ok()) return address.status();
  const Addresses both = Expand(*std::move(address), machine);
  config.metrics = both.front();
  if (both.size() > 1) config.metrics_loopback_v6 = both.back();
  return absl::OkStatus();
}

absl::Status CheckPorts(const Config& config) {
  const auto clash = [](const char* key, const ListenAddress& a, const char* other,
                        const ListenAddress& b) {
    return absl::InvalidArgumentError(absl::StrCat(key, ": ", a.ToString(), " is in the way of ",
                                                   other, " ", b.ToString(),
                                                   "; choose another port"));
  };
  Addresses admin;
  if (config.admin.unix_path.empty()) admin.push_back(config.admin.tcp);
  if (config.admin.loopback_v6) admin.push_back(*config.admin.loopback_v6);
  Addresses metrics;
  if (config.metrics) metrics.push_back(*config.metrics);
  if (config.metrics_loopback_v6) metrics.push_back(*config.metrics_loopback_v6);
  for (const ListenAddress& listen : config.listen) {
    if (listen.is_unix() && listen.unix_path == config.admin.unix_path) {
      return clash("admin", config.admin.tcp, "listen", listen);
    }
    for (const ListenAddress& ours : admin) {
      if (Overlap(ours, listen)) return clash("admin", ours, "listen", listen);
    }
    for (const ListenAddress& ours : metrics) {
      if (Overlap(ours, listen)) return clash("metrics", ours, "listen", listen);
    }
  }
  for (const ListenAddress& ours : metrics) {
    for (const ListenAddress& other : admin) {
      if (Overlap(ours, other)) return clash("metrics", ours, "admin", other);
    }
  }
  return absl::OkStatus();
}

}  // namespace echogw::server
