// The configuration of the gateway as plain, validated values. Made once by config_loader.h before
// any thread starts; constant afterwards.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reactor/net/socket.h"
#include "reactor/options.h"
#include "server/base/role.h"
#include "server/log/logging.h"
#include "server/pool/control.h"

namespace echogw::server {

// Where the admin RPCs are served: a TCP address, or a unix socket if `unix_path` is not empty.
struct AdminAddress {
  ListenAddress tcp;
  std::string unix_path;
  // For localhost: [::1] on the port of `tcp`, which is 127.0.0.1.
  std::optional<ListenAddress> loopback_v6 = std::nullopt;

  // "127.0.0.1:7001" or "unix:/run/echogw.sock"; gRPC takes both forms.
  [[nodiscard]] std::string ToString() const;
};

// Access to the admin port; see access/admin_access.h.
struct AdminAccessOptions {
  // PEM files; empty: no TLS, and no certificates from clients.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  // Names in client certificates. If both are empty, every certificate of the CA is an operator.
  std::vector<std::string> tls_operators;
  std::vector<std::string> tls_viewers;
  std::string token_file;  // empty: no tokens
  // File mode of the unix socket, and the role of users other than root and the gateway's own.
  unsigned unix_mode = 0600;
  Role unix_others = Role::kViewer;
  // Allows a port beyond loopback without TLS or authentication.
  bool allow_insecure = false;
};

// Access to the exporter; see access/metrics_access.h. Files; empty: plain text, no tokens.
struct MetricsAccessOptions {
  std::string tls_cert;
  std::string tls_key;
  std::string token_file;
};

struct Config {
  std::vector<ListenAddress> listen;
  ListenOptions listen_options;
  // PEM files for the addresses with TLS; empty: none.
  std::string tls_cert;
  std::string tls_key;
  std::vector<ListenAddress> listen_udp;  // empty: off
  bool allow_shared_port = false;

  std::uint32_t reactors = 1;
  // Slot i is pinned to cpus[i % size]; empty: no pinning.
  std::vector<int> cpus;
  ReactorOptions reactor;
  bool steering = true;

  AdminAddress admin;
  AdminAccessOptions admin_access;
  std::optional<ListenAddress> metrics;              // unset: off
  std::optional<ListenAddress> metrics_loopback_v6;  // as AdminAddress::loopback_v6
  MetricsAccessOptions metrics_access;

  LogOptions log;

  // A fault for tests, see PoolOptions. Not a configuration key, so that it is not set by mistake.
  bool fault_close_listeners = false;

  // How SIGTERM and SIGINT drain the gateway; `refuse` is also the default of the Drain RPC.
  DrainRequest drain;
};

// A key with its value in use as text, and the source of it.
struct Setting {
  std::string key;
  // One value, or any number for a key that is a list.
  std::vector<std::string> values;
  // "default", "/etc/echogw.toml:3", "ECHOGW_LISTEN" or "--listen".
  std::string source;
  // What "auto" resolves to on this machine; else empty.
  std::string meaning = "";
};

}  // namespace echogw::server
