#include "server/config/config_keys.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "reactor/poll/poller.h"
#include "server/config/address_keys.h"
#include "server/config/key_types.h"

namespace echogw::server {
namespace {

using Kind = ConfigKey::Kind;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// SO_RCVBUF and SO_SNDBUF take an int, which the kernel doubles and caps at net.core.*mem_max.
constexpr std::uint64_t kSocketBufferMax = std::numeric_limits<int>::max() / 2;
constexpr std::uint64_t kBufferMin = 512;
constexpr std::uint64_t kBufferMax = std::uint64_t{16} * 1024 * 1024;
constexpr std::uint64_t kLogFileMin = 4096;
constexpr std::uint64_t kLogFileMax = std::uint64_t{1} << 40U;
constexpr std::uint64_t kLogFilesMax = 1000;
// Longer than any wait that is worth polling through.
constexpr std::uint64_t kSpinMicrosMax = 100'000;
// listen(2) takes an int; the kernel caps it at net.core.somaxconn.
constexpr std::uint64_t kBacklogMax = 1U << 20U;
constexpr std::size_t kInstanceMax = 64;

#define FIELD(path) \
  [](Config & config) -> auto& { return config.path; }

absl::Status ApplyReactors(const KeyText& values, const Machine& machine, Config& config) {
  if (values[0] == "auto") {
    config.reactors = DefaultReactors(machine);
    return absl::OkStatus();
  }
  auto count = ParseUnsigned(values[0], 1, kReactorsMax);
  if (!count.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", values[0], "' is not auto or a number from 1 to ", kReactorsMax));
  }
  config.reactors = static_cast<std::uint32_t>(*count);
  return absl::OkStatus();
}

absl::Status ApplyCpus(const KeyText& values, const Machine& machine, Config& config) {
  config.cpus.clear();
  if (values[0] == "none") return absl::OkStatus();
  if (values[0] == "auto") {
    // A quota is a share of all CPUs. If every process with a quota pinned itself to the first
    // CPUs, they would compete for these.
    const bool ours = DefaultReactors(machine) >= machine.affinity.size() ||
                      DefaultReactors(machine) == kReactorsMax;
    if (ours) config.cpus = machine.affinity;
    return absl::OkStatus();
  }
  auto cpus = ParseCpuList(values[0]);
  if (!cpus.ok()) return cpus.status();
  for (const int cpu : *cpus) {
    if (!std::binary_search(machine.affinity.begin(), machine.affinity.end(), cpu)) {
      return absl::InvalidArgumentError(
          absl::StrCat("CPU ", cpu, " is not in the affinity mask of this process (",
                       machine.affinity.empty() ? "none" : FormatCpuList(machine.affinity), ")"));
    }
  }
  config.cpus = *std::move(cpus);
  return absl::OkStatus();
}

absl::Status ApplyInstance(const KeyText& values, const Machine& /*machine*/, Config& config) {
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

absl::StatusOr<std::chrono::microseconds> ParseMicroseconds(const std::string& text) {
  const auto number = ParseUnsigned(text, 0, kSpinMicrosMax);
  if (!number.ok()) return number.status();
  return std::chrono::microseconds(*number);
}

// A list of certificate names; empty ones do not count.
template <typename Field>
ConfigKey NamesKey(const char* name, Field field, const char* help) {
  const auto apply = [field](const KeyText& values, const Machine&, Config& config) {
    field(config) = values;
    std::erase(field(config), "");
    return absl::OkStatus();
  };
  return {name, "NAME", "", help, Kind::kList, apply};
}

ConfigKey LimitKey(const LimitField& field) {
  using Unit = LimitField::Unit;
  const auto apply = [&field](const KeyText& values, const Machine&, Config& config) {
    const auto value = ParseLimit(field, values[0]);
    if (value.ok()) field.set(config.reactor.limits, *value);
    return value.status();
  };
  const std::string metavar = field.unit == Unit::kCount   ? "N"
                              : field.unit == Unit::kBytes ? "SIZE"
                              : field.unit == Unit::kNanoseconds
                                  ? "TIME"
                                  : absl::StrJoin(kAcceptExcessNames, "|");
  const Kind kind = field.unit == Unit::kCount ? Kind::kNumber : Kind::kText;
  return {field.key, metavar, LimitText(field, Limits()), field.help, kind, apply};
}

std::vector<ConfigKey> LimitKeys() {
  std::vector<ConfigKey> keys;
  for (const LimitField& field : LimitFields()) keys.push_back(LimitKey(field));
  return keys;
}

std::vector<ConfigKey> NetworkKeys() {
  return {
      {"listen", "[WORD+...@]HOST:PORT|unix:PATH", ":7000",
       "Address to listen on; repeatable. ':PORT' and '[::]:PORT' accept IPv6 and IPv4; with port "
       "0 the kernel chooses one. WORD is a service: " +
           ServiceWords() +
           " (default: echo); tls; proxy or proxy-optional for connections that start with a PROXY "
           "header",
       Kind::kList, ApplyListen},
      {"listen-udp", "HOST:PORT", "", "Address to echo datagrams on; repeatable; empty: none",
       Kind::kList, ApplyListenUdp},
      NumberKey("backlog", FIELD(listen_options.backlog), 1, kBacklogMax,
                "Maximum length of the queue of connections not accepted yet"),
      SwitchKey("tcp-nodelay", FIELD(listen_options.tcp_nodelay),
                "Send small replies at once (TCP_NODELAY)"),
      TimeKey("tcp-keepalive", FIELD(listen_options.keepalive), milliseconds(0), hours(9),
              "Time without a sign of a client after which the kernel probes for it; 60 s without "
              "an answer end the connection. Shorter kernel settings hold. 0: no probes"),
      SizeKey("rcvbuf", FIELD(listen_options.receive_buffer_bytes), 0, kSocketBufferMax,
              "Receive buffer of each socket (SO_RCVBUF); 0: the kernel's default"),
      SizeKey("sndbuf", FIELD(listen_options.send_buffer_bytes), 0, kSocketBufferMax,
              "Send buffer of each socket (SO_SNDBUF); 0: the kernel's default"),
      SwitchKey("allow-shared-port", FIELD(allow_shared_port),
                "Share a port that another process listens on (SO_REUSEPORT) instead of failing"),
  };
}

std::vector<ConfigKey> ProtocolKeys() {
  return {
      {"instance", "auto|NAME", "auto", "Name of this gateway in banners; auto: the host name",
       Kind::kText, ApplyInstance},
      TextKey("tls-cert", "FILE", FIELD(tls_cert),
              "Certificate chain (PEM) for addresses with tls; reloaded when it changes"),
      TextKey("tls-key", "FILE", FIELD(tls_key), "Its private key (PEM)"),
      TimeKey("handshake-timeout", FIELD(reactor.handshake_timeout), milliseconds(1), hours(1),
              "Maximum time for the PROXY header and the TLS handshake"),
      FileModeKey("unix-mode", FIELD(listen_options.unix_mode),
                  "File mode of the unix sockets of listen; write permission is needed to connect"),
  };
}

std::vector<ConfigKey> ReactorKeys() {
  return {
      {"reactors", "auto|N", "auto",
       "Event loops, 1 to 256; auto: the CPUs of the affinity mask, limited by the cgroup CPU "
       "quota",
       Kind::kNumber, ApplyReactors},
      {"cpus", "auto|none|LIST", "auto",
       "CPUs to pin the reactors to, such as 0-3,6; none: no pinning; auto: the affinity mask, or "
       "none if the cgroup CPU quota is lower",
       Kind::kText, ApplyCpus},
      AutoWordKey("poller", FIELD(reactor.poller), BestPoller, kPollerNames,
                  "How a reactor waits for events; io_uring also moves the bytes, and supports "
                  "plain TCP echo and UDP only, without rate and output-buffer; auto: the first of "
                  "epoll, poll and select that the system has"),
      ValueKey("spin-us", "N", "0",
               "Microseconds, up to 100000, that a reactor polls for events before it sleeps, "
               "while that pays off; 0: never",
               FIELD(reactor.spin), ParseMicroseconds, Kind::kNumber),
      WordKey("transform", FIELD(reactor.transform), kTransformNames,
              "Reply with the same bytes, or with ASCII letters in upper case"),
      SizeKey("buffer-size", FIELD(reactor.buffer_bytes), kBufferMin, kBufferMax,
              "Maximum bytes per read, and buffered for a client that does not read"),
      TimeKey("stall-threshold", FIELD(reactor.stall_threshold), milliseconds(1), hours(1),
              "An iteration of an event loop longer than this is counted and logged as a stall"),
      SwitchKey("steering", FIELD(steering),
                "Select the reactor of a new connection with a BPF program instead of the kernel's "
                "hash"),
  };
}

std::vector<ConfigKey> AdminKeys() {
  return {
      {"admin", "HOST:PORT|unix:PATH", "127.0.0.1:7001", "Address of the admin API (gRPC)",
       Kind::kText, ApplyAdmin},
      {"metrics", "HOST:PORT|off", "127.0.0.1:7002",
       "Address of the exporter: /metrics, /-/healthy, /-/ready, status page at /", Kind::kText,
       ApplyMetrics},
  };
}

std::vector<ConfigKey> AdminAccessKeys() {
  return {
      TextKey("admin-tls-cert", "FILE", FIELD(admin_access.tls_cert),
              "Serve the admin API over TLS with this certificate chain (PEM)"),
      TextKey("admin-tls-key", "FILE", FIELD(admin_access.tls_key),
              "Its private key (PEM). Changed files are reloaded"),
      TextKey("admin-tls-client-ca", "FILE", FIELD(admin_access.tls_client_ca),
              "Require client certificates signed by these CAs (PEM; mutual TLS)"),
      NamesKey("admin-tls-operators", FIELD(admin_access.tls_operators),
               "Certificate names (SAN, or CN if there is none) with the role operator; "
               "repeatable. Without operators and viewers every certificate of the CA is an "
               "operator"),
      NamesKey("admin-tls-viewers", FIELD(admin_access.tls_viewers),
               "Certificate names with the role viewer, which is read-only; repeatable"),
      TextKey("admin-token-file", "FILE", FIELD(admin_access.token_file),
              "Bearer tokens, one per line: 'operator|viewer NAME TOKEN', or sha256:HEX as token"),
      FileModeKey("admin-unix-mode", FIELD(admin_access.unix_mode),
                  "File mode of a unix socket; write permission is needed to connect. Root and the "
                  "gateway's own user are operators"),
      WordKey("admin-unix-others", FIELD(admin_access.unix_others), kRoleNames,
              "Role of other users that connect to a unix socket"),
      SwitchKey("admin-allow-insecure", FIELD(admin_access.allow_insecure),
                "Serve the admin port beyond loopback even without TLS or authentication"),
  };
}

std::vector<ConfigKey> MetricsAccessKeys() {
  return {
      TextKey("metrics-tls-cert", "FILE", FIELD(metrics_access.tls_cert),
              "Serve the exporter over TLS with this certificate chain (PEM)"),
      TextKey("metrics-tls-key", "FILE", FIELD(metrics_access.tls_key),
              "Its private key (PEM). Changed files are reloaded"),
      TextKey("metrics-token-file", "FILE", FIELD(metrics_access.token_file),
              "Require a token of this file, in the format of admin-token-file, for all but "
              "/-/healthy and /-/ready: a bearer token, or HTTP basic authentication with NAME "
              "and TOKEN"),
  };
}

std::vector<ConfigKey> LogKeys() {
  return {
      AutoWordKey(
          "log-level", FIELD(log.console), [] { return Config().log.console; }, kLogThresholdNames,
          "Minimum level on the console; auto: info, or error with a log file"),
      WordKey("log-format", FIELD(log.format), kLogFormatNames,
              "Text, or one JSON object per line: time, level, message"),
      TextKey("log-file", "PATH", FIELD(log.file), "Log to this file as well; empty: console only"),
      WordKey("log-file-level", FIELD(log.file_level), kLogThresholdNames,
              "Minimum level in the file"),
      SizeKey("log-file-max-size", FIELD(log.file_max_bytes), kLogFileMin, kLogFileMax,
              "Size at which the log file is rotated"),
      NumberKey("log-file-count", FIELD(log.file_count), 1, kLogFilesMax,
                "Rotated log files to keep"),
  };
}

std::vector<ConfigKey> DrainKeys() {
  return {
      TimeKey("drain-deadline", FIELD(drain.deadline), seconds(0), hours(24),
              "Maximum time from the signal to the end of the drain"),
      TimeKey("drain-quiet-period", FIELD(drain.quiet_period), seconds(0), hours(24),
              "Keep accepting until no new connection has arrived for this long"),
      TimeKey("drain-quiet-max-wait", FIELD(drain.quiet_max_wait), seconds(0), hours(24),
              "Maximum time to wait for that quiet period"),
      WordKey("drain-refuse", FIELD(drain.refuse), kRefuseModeNames,
              "What happens to new connections after that: accepted, reset, or left unanswered"),
      TimeKey("drain-spread", FIELD(drain.spread), seconds(0), hours(24),
              "Spread the closing of connections over this time"),
  };
}

std::vector<ConfigKey> AllKeys() {
  std::vector<ConfigKey> all;
  const auto add = [&all](const char* group, std::vector<ConfigKey> keys) {
    for (ConfigKey& key : keys) {
      key.group = group;
      all.push_back(std::move(key));
    }
  };
  add("Network", NetworkKeys());
  add("Protocols", ProtocolKeys());
  add("Reactors", ReactorKeys());
  add("Limits", LimitKeys());
  add("Admin and metrics", AdminKeys());
  add("Admin access", AdminAccessKeys());
  add("Metrics access", MetricsAccessKeys());
  add("Log", LogKeys());
  add("Drain at SIGTERM and SIGINT", DrainKeys());
  return all;
}

}  // namespace

std::string AdminAddress::ToString() const {
  return unix_path.empty() ? tcp.ToString() : absl::StrCat("unix:", unix_path);
}

const std::vector<ConfigKey>& ConfigKeys() {
  static const std::vector<ConfigKey> keys = AllKeys();
  return keys;
}

const ConfigKey* FindConfigKey(const std::string& name) {
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

std::string EnvironmentName(const std::string& key) {
  std::string name = absl::StrCat("ECHOGW_", absl::AsciiStrToUpper(key));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace echogw::server
