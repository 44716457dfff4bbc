#include "server/config/access_config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

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
          absl::StrCat("admin-tls-viewers: '", name, "' is also in admin-tls-operators"));
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
        port, "every caller would be an operator; set admin-token-file or admin-tls-client-ca",
        otherwise));
  }
  return absl::OkStatus();
}

absl::Status CheckMetricsAccess(const Config& config) {
  const MetricsAccessOptions& access = config.metrics_access;
  if (access.tls_cert.empty() != access.tls_key.empty()) {
    return access.tls_key.empty() ? Lacks("metrics-tls-cert", "metrics-tls-key")
                                  : Lacks("metrics-tls-key", "metrics-tls-cert");
  }
  if (config.metrics || (access.tls_cert.empty() && access.token_file.empty())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(access.tls_cert.empty() ? "metrics-token-file" : "metrics-tls-cert",
                   ": the exporter is off; leave it out, or set metrics to HOST:PORT"));
}

std::vector<std::string> AccessWarnings(const Config& config) {
  std::vector<std::string> warnings;
  const MetricsAccessOptions& metrics = config.metrics_access;
  if (!metrics.token_file.empty() && metrics.tls_cert.empty() &&
      !IsLoopback(config.metrics->host)) {
    warnings.push_back(absl::StrCat("metrics: no TLS on ", config.metrics->ToString(),
                                    ": anyone on the network path can read the tokens"));
  }
  if (!IsRemote(config)) return warnings;
  if (!HasTls(config)) {
    warnings.push_back(absl::StrCat("admin: no TLS on ", config.admin.ToString(),
                                    ": anyone on the network path can read and change all calls",
                                    AsksWhoCalls(config) ? ", tokens included" : ""));
  }
  if (!AsksWhoCalls(config)) {
    warnings.push_back(absl::StrCat("admin: any caller that reaches ", config.admin.ToString(),
                                    " is an operator"));
  }
  return warnings;
}

}  // namespace echogw::server
