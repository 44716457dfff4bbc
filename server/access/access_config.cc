#include "server/access/access_config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/config/config_values.h"

namespace echogw::server {
namespace {

using Values = std::vector<std::string>;
using Kind = ConfigKey::Kind;

constexpr char kGroup[] = "Admin access";

ConfigKey FileKey(const std::string& name, const std::string& help,
                  absl::Status (*apply)(const Values&, const Machine&, Config&)) {
  return {name, kGroup, "FILE", "", help, Kind::kText, apply};
}

absl::Status SetNames(const Values& values, std::vector<std::string>& to) {
  to.clear();
  for (const std::string& value : values) {
    if (!value.empty()) to.push_back(value);
  }
  return absl::OkStatus();
}

absl::Status SetMode(const Values& values, const Machine& /*machine*/, Config& config) {
  auto mode = ParseFileMode(values[0]);
  if (!mode.ok()) return mode.status();
  config.admin_access.unix_mode = *mode;
  return absl::OkStatus();
}

absl::Status SetOthers(const Values& values, const Machine& /*machine*/, Config& config) {
  auto role = ParseWord<Role>(
      values[0], {{"none", Role::kNone}, {"viewer", Role::kViewer}, {"operator", Role::kOperator}});
  if (!role.ok()) return role.status();
  config.admin_access.unix_others = *role;
  return absl::OkStatus();
}

absl::Status SetInsecure(const Values& values, const Machine& /*machine*/, Config& config) {
  auto on = ParseSwitch(values[0]);
  if (!on.ok()) return on.status();
  config.admin_access.allow_insecure = *on;
  return absl::OkStatus();
}

bool IsLoopback(const std::string& host) {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24U) == IN_LOOPBACKNET;
  }
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

bool IsRemote(const Config& config) {
  return config.admin.unix_path.empty() && !IsLoopback(config.admin.tcp.host);
}

bool HasTls(const Config& config) { return !config.admin_access.tls_cert.empty(); }

bool AsksWhoCalls(const Config& config) {
  const AdminAccessOptions& access = config.admin_access;
  return !access.token_file.empty() || !access.tls_client_ca.empty();
}

absl::Status Lacks(const char* key, const char* other) {
  return absl::InvalidArgumentError(absl::StrCat(key, " needs ", other, " as well"));
}

}  // namespace

std::vector<ConfigKey> AdminAccessKeys() {
  return {
      FileKey("admin-tls-cert", "Serve the admin RPCs by TLS with this certificate chain (PEM)",
              [](const Values& v, const Machine&, Config& c) {
                c.admin_access.tls_cert = v[0];
                return absl::OkStatus();
              }),
      FileKey("admin-tls-key", "Its private key (PEM). These files may change at any time",
              [](const Values& v, const Machine&, Config& c) {
                c.admin_access.tls_key = v[0];
                return absl::OkStatus();
              }),
      FileKey("admin-tls-client-ca",
              "Let in only clients with a certificate of these CAs (PEM; mutual TLS)",
              [](const Values& v, const Machine&, Config& c) {
                c.admin_access.tls_client_ca = v[0];
                return absl::OkStatus();
              }),
      {"admin-tls-operators", kGroup, "NAME", "",
       "Names in certificates (SAN, or CN where there is none) that may do everything; repeatable. "
       "Without this and the next one each certificate of the CA may",
       Kind::kList,
       [](const Values& v, const Machine&, Config& c) {
         return SetNames(v, c.admin_access.tls_operators);
       }},
      {"admin-tls-viewers", kGroup, "NAME", "", "Names in certificates that may only look",
       Kind::kList,
       [](const Values& v, const Machine&, Config& c) {
         return SetNames(v, c.admin_access.tls_viewers);
       }},
      FileKey(
          "admin-token-file",
          "Bearer tokens, one a line: 'operator|viewer NAME TOKEN', or sha256:HEX for the token",
          [](const Values& v, const Machine&, Config& c) {
            c.admin_access.token_file = v[0];
            return absl::OkStatus();
          }),
      {"admin-unix-mode", kGroup, "MODE", "0600",
       "File mode of a unix socket; who may write may connect. Root and the gateway's own user are "
       "operators",
       Kind::kText, SetMode},
      {"admin-unix-others", kGroup, "none|viewer|operator", "viewer",
       "What any other user may do who connects to a unix socket", Kind::kText, SetOthers},
      {"admin-allow-insecure", kGroup, "on|off", "off",
       "Serve the admin port off loopback even without TLS, or without asking who calls",
       Kind::kSwitch, SetInsecure},
  };
}

absl::Status CheckAdminAccess(const Config& config) {
  const AdminAccessOptions& access = config.admin_access;
  const bool names = !access.tls_operators.empty() || !access.tls_viewers.empty();
  if (HasTls(config) && access.tls_key.empty()) return Lacks("admin-tls-cert", "admin-tls-key");
  if (!HasTls(config) && !access.tls_key.empty()) return Lacks("admin-tls-key", "admin-tls-cert");
  if (!HasTls(config) && !access.tls_client_ca.empty()) {
    return Lacks("admin-tls-client-ca", "admin-tls-cert and admin-tls-key");
  }
  if (names && access.tls_client_ca.empty()) {
    return Lacks("a name of a client certificate", "admin-tls-client-ca");
  }
  for (const std::string& name : access.tls_viewers) {
    if (std::find(access.tls_operators.begin(), access.tls_operators.end(), name) !=
        access.tls_operators.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("admin-tls-viewers: '", name, "' is one of admin-tls-operators, too"));
    }
  }
  if (HasTls(config) && !config.admin.unix_path.empty()) {
    return absl::InvalidArgumentError(
        "admin-tls-cert: a unix socket has no TLS; leave it out, or set admin to HOST:PORT");
  }
  if (!IsRemote(config) || access.allow_insecure) return absl::OkStatus();
  const std::string port =
      absl::StrCat("admin: ", config.admin.ToString(), " can be reached from other machines, and ");
  const std::string otherwise =
      ", or keep it on 127.0.0.1 or unix:PATH (admin-allow-insecure on serves it regardless)";
  if (!HasTls(config)) {
    return absl::InvalidArgumentError(
        absl::StrCat(port, "would have no TLS; set admin-tls-cert and admin-tls-key", otherwise));
  }
  if (!AsksWhoCalls(config)) {
    return absl::InvalidArgumentError(absl::StrCat(
        port, "everybody would be an operator; set admin-token-file or admin-tls-client-ca",
        otherwise));
  }
  return absl::OkStatus();
}

std::vector<std::string> AdminAccessWarnings(const Config& config) {
  std::vector<std::string> warnings;
  if (!IsRemote(config)) return warnings;
  if (!HasTls(config)) {
    warnings.push_back(absl::StrCat("admin: no TLS on ", config.admin.ToString(),
                                    ": who is on the way can read and change all calls",
                                    AsksWhoCalls(config) ? ", tokens included" : ""));
  }
  if (!AsksWhoCalls(config)) {
    warnings.push_back(
        absl::StrCat("admin: whoever reaches ", config.admin.ToString(), " is an operator"));
  }
  return warnings;
}

}  // namespace echogw::server
