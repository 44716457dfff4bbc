#include "server/config/config_keys.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/access/access_config.h"
#include "server/config/config_values.h"
#include "server/config/limit_keys.h"
#include "server/config/protocol_config.h"

namespace echogw::server {
namespace {

using Values = std::vector<std::string>;
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

template <typename From, typename To>
absl::Status Assign(absl::StatusOr<From> from, To& to) {
  if (!from.ok()) return from.status();
  to = static_cast<To>(*std::move(from));
  return absl::OkStatus();
}

const Words<LogThreshold>& Thresholds() {
  static const Words<LogThreshold> words = {
      {"trace", LogThreshold::kTrace}, {"debug", LogThreshold::kDebug},
      {"info", LogThreshold::kInfo},   {"warn", LogThreshold::kWarning},
      {"error", LogThreshold::kError}, {"off", LogThreshold::kOff},
  };
  return words;
}

// "auto" is resolved by the loader, which knows whether there is a log file.
absl::Status ApplyLogLevel(const Values& values, const Machine&, Config& config) {
  Words<LogThreshold> words = Thresholds();
  words.insert(words.begin(), {"auto", LogThreshold::kInfo});
  return Assign(ParseWord(values[0], words), config.log.console);
}

template <typename Parse>
absl::StatusOr<std::vector<ListenAddress>> ListenAddresses(const Values& values,
                                                           const Machine& machine, Parse parse) {
  std::vector<ListenAddress> out;
  for (const std::string& text : values) {
    absl::StatusOr<ListenAddress> address = parse(text);
    if (!address.ok()) return address.status();
    // ":PORT" is every address the machine has; "[::]:PORT" insists on IPv6.
    if (address->host.empty() && !address->is_unix()) {
      address->host = machine.has_ipv6 ? "::" : "0.0.0.0";
    }
    address->dual_stack = address->host == "::";
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
  return out;
}

absl::Status ApplyListen(const Values& values, const Machine& machine, Config& config) {
  if (values.empty()) return absl::InvalidArgumentError("needs at least one address");
  return Assign(ListenAddresses(values, machine, ParseListen), config.listen);
}

absl::Status ApplyListenUdp(const Values& values, const Machine& machine, Config& config) {
  return Assign(ListenAddresses(values, machine, ParseHostPort), config.listen_udp);
}

absl::Status ApplyReactors(const Values& values, const Machine& machine, Config& config) {
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

absl::Status ApplyCpus(const Values& values, const Machine& machine, Config& config) {
  config.cpus.clear();
  if (values[0] == "none") return absl::OkStatus();
  if (values[0] == "auto") {
    // A quota is a share of all CPUs. Everybody who has one would take the first of them, and stand
    // in each other's way on these.
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
          absl::StrCat("CPU ", cpu, " is not one that this process may use (",
                       machine.affinity.empty() ? "none" : FormatCpuList(machine.affinity), ")"));
    }
  }
  config.cpus = *std::move(cpus);
  return absl::OkStatus();
}

absl::Status ApplyBuffer(const Values& values, const Machine&, Config& config) {
  auto status = Assign(ParseBytes(values[0], kBufferMin, kBufferMax), config.reactor.buffer_bytes);
  // A turn is at least one read, or it would never end a full buffer.
  config.reactor.turn_bytes = std::max(config.reactor.turn_bytes, config.reactor.buffer_bytes);
  return status;
}

absl::Status ApplyMetrics(const Values& values, const Machine&, Config& config) {
  config.metrics.reset();
  if (values[0] == "off") return absl::OkStatus();
  auto address = ParseHostPort(values[0]);
  if (!address.ok()) return address.status();
  if (address->host.find(':') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", values[0],
                     "' is an IPv6 address; the exporter serves IPv4 only, such as 0.0.0.0:7002"));
  }
  if (address->host.empty()) address->host = "0.0.0.0";
  config.metrics = *std::move(address);
  return absl::OkStatus();
}

absl::Status ApplyAdmin(const Values& values, const Machine& machine, Config& config) {
  auto address = ParseAdminAddress(values[0]);
  if (!address.ok()) return address.status();
  ListenAddress& tcp = address->tcp;
  if (address->unix_path.empty() && tcp.host.empty()) {
    tcp.host = machine.has_ipv6 ? "::" : "0.0.0.0";
  }
  tcp.dual_stack = tcp.host == "::";
  config.admin = *std::move(address);
  return absl::OkStatus();
}

absl::Status DrainTime(const Values& values, std::chrono::nanoseconds& to) {
  return Assign(ParseDuration(values[0], seconds(0), hours(24)), to);
}

std::vector<ConfigKey> NetworkKeys() {
  return {
      {"listen", "Network", "[WORD+...@]HOST:PORT|unix:PATH", ":7000",
       "Address to serve; repeatable. ':PORT' and '[::]:PORT' serve IPv6 and IPv4, port 0 lets the "
       "kernel choose. Words: echo (default), discard, chargen, banner; tls; proxy or "
       "proxy-optional "
       "where connections begin with a PROXY header",
       Kind::kList, ApplyListen},
      {"listen-udp", "Network", "HOST:PORT", "",
       "Address to echo datagrams on; repeatable, as listen; empty: none", Kind::kList,
       ApplyListenUdp},
      {"backlog", "Network", "N", "4096", "Connections that may wait to be accepted", Kind::kNumber,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseUnsigned(v[0], 1, kBacklogMax), c.listen_options.backlog);
       }},
      {"tcp-nodelay", "Network", "on|off", "on", "Send small replies at once (TCP_NODELAY)",
       Kind::kSwitch,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseSwitch(v[0]), c.listen_options.tcp_nodelay);
       }},
      {"rcvbuf", "Network", "SIZE", "0", "Receive buffer of a socket; 0 leaves it to the kernel",
       Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseBytes(v[0], 0, kSocketBufferMax),
                       c.listen_options.receive_buffer_bytes);
       }},
      {"sndbuf", "Network", "SIZE", "0", "Send buffer of a socket; 0 leaves it to the kernel",
       Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseBytes(v[0], 0, kSocketBufferMax), c.listen_options.send_buffer_bytes);
       }},
      {"allow-shared-port", "Network", "on|off", "off",
       "Join a port that another process listens on (SO_REUSEPORT) instead of failing",
       Kind::kSwitch,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseSwitch(v[0]), c.allow_shared_port);
       }},
  };
}

std::vector<ConfigKey> ReactorKeys() {
  return {
      {"reactors", "Reactors", "auto|N", "auto",
       "Event loops, 1 to 256; auto: the CPUs of the affinity mask, at most the cgroup CPU quota",
       Kind::kNumber, ApplyReactors},
      {"cpus", "Reactors", "auto|none|LIST", "auto",
       "CPUs to pin reactors to in turn, such as 0-3,6; none: no pinning; auto: the affinity mask, "
       "or "
       "none when the cgroup CPU quota is less",
       Kind::kText, ApplyCpus},
      {"poller", "Reactors", "auto|epoll|io_uring|poll|select", "auto",
       "How a reactor waits for events and, with io_uring, moves bytes; auto takes epoll where the "
       "system has it. io_uring is for plain TCP echo (and UDP), without rate and output-buffer",
       Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseWord<PollerKind>(v[0], {{"auto", PollerKind::kEpoll},
                                                    {"epoll", PollerKind::kEpoll},
                                                    {"io_uring", PollerKind::kIoUring},
                                                    {"poll", PollerKind::kPoll},
                                                    {"select", PollerKind::kSelect}}),
                       c.reactor.poller);
       }},
      {"spin-us", "Reactors", "N", "0",
       "Microseconds, up to 100000, that a reactor polls for more work before it sleeps, as long "
       "as "
       "that pays; 0: it sleeps at once",
       Kind::kNumber,
       [](const Values& v, const Machine&, Config& c) {
         const auto spin = ParseUnsigned(v[0], 0, kSpinMicrosMax);
         if (spin.ok()) c.reactor.spin = std::chrono::microseconds(*spin);
         return spin.status();
       }},
      {"transform", "Reactors", "none|upper", "none",
       "Reply with the same bytes, or with ASCII letters in upper case", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(
             ParseWord<Transform>(v[0], {{"none", Transform::kNone}, {"upper", Transform::kUpper}}),
             c.reactor.transform);
       }},
      {"buffer-size", "Reactors", "SIZE", "64KiB",
       "Most that one read takes, and that is held for a client that does not read", Kind::kText,
       ApplyBuffer},
      {"stall-threshold", "Reactors", "TIME", "100ms",
       "A turn of an event loop longer than this is counted and logged as a stall", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseDuration(v[0], milliseconds(1), hours(1)), c.reactor.stall_threshold);
       }},
      {"steering", "Reactors", "on|off", "on",
       "Choose the reactor of a new connection by a kernel program (BPF), not by the kernel's hash",
       Kind::kSwitch,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseSwitch(v[0]), c.steering);
       }},
  };
}

std::vector<ConfigKey> AdminKeys() {
  return {
      {"admin", "Admin and metrics", "HOST:PORT|unix:PATH", "127.0.0.1:7001",
       "Address of the admin RPCs (gRPC)", Kind::kText, ApplyAdmin},
      {"metrics", "Admin and metrics", "HOST:PORT|off", "127.0.0.1:7002",
       "IPv4 address of the exporter: /metrics, /-/healthy, /-/ready, status page at /",
       Kind::kText, ApplyMetrics},
  };
}

std::vector<ConfigKey> LogKeys() {
  return {
      {"log-level", "Log", "LEVEL", "auto",
       "Console: trace, debug, info, warn, error or off; auto: info, or error beside a log file",
       Kind::kText, ApplyLogLevel},
      {"log-format", "Log", "text|json", "text",
       "Lines for people, or one JSON object a line: time, level, message", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(
             ParseWord<LogFormat>(v[0], {{"text", LogFormat::kText}, {"json", LogFormat::kJson}}),
             c.log.format);
       }},
      {"log-file", "Log", "PATH", "", "Log to this file as well; empty: to the console only",
       Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         c.log.file = v[0];
         return absl::OkStatus();
       }},
      {"log-file-level", "Log", "LEVEL", "debug", "As log-level, for the file", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseWord(v[0], Thresholds()), c.log.file_level);
       }},
      {"log-file-max-size", "Log", "SIZE", "16MiB", "A larger log file is rotated", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseBytes(v[0], kLogFileMin, kLogFileMax), c.log.file_max_bytes);
       }},
      {"log-file-count", "Log", "N", "5", "Rotated log files to keep", Kind::kNumber,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseUnsigned(v[0], 1, kLogFilesMax), c.log.file_count);
       }},
  };
}

std::vector<ConfigKey> DrainKeys() {
  const std::string group = "Drain at SIGTERM and SIGINT";
  return {
      {"drain-deadline", group, "TIME", "30s", "From the signal to the end of everything",
       Kind::kText,
       [](const Values& v, const Machine&, Config& c) { return DrainTime(v, c.drain.deadline); }},
      {"drain-quiet-period", group, "TIME", "1s",
       "Go on accepting until no new connection came for this long", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return DrainTime(v, c.drain.quiet_period);
       }},
      {"drain-quiet-max-wait", group, "TIME", "10s", "Wait for quiet at most this long",
       Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return DrainTime(v, c.drain.quiet_max_wait);
       }},
      {"drain-refuse", group, "accept|reset|silent", "accept",
       "What new connections get after that: service, a reset, or no answer", Kind::kText,
       [](const Values& v, const Machine&, Config& c) {
         return Assign(ParseWord<RefuseMode>(v[0], {{"accept", RefuseMode::kAccept},
                                                    {"reset", RefuseMode::kReset},
                                                    {"silent", RefuseMode::kSilent}}),
                       c.drain.refuse);
       }},
      {"drain-spread", group, "TIME", "5s", "Spread the closing of connections over this time",
       Kind::kText,
       [](const Values& v, const Machine&, Config& c) { return DrainTime(v, c.drain.spread); }},
  };
}

std::vector<ConfigKey> AllKeys() {
  std::vector<ConfigKey> all;
  for (auto&& keys : {NetworkKeys(), ProtocolKeys(), ReactorKeys(), LimitKeys(), AdminKeys(),
                      AdminAccessKeys(), LogKeys(), DrainKeys()}) {
    all.insert(all.end(), keys.begin(), keys.end());
  }
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
