#include "server/exporter/metrics_collector.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/process_stats.h"
#include "server/exporter/metric_histograms.h"

namespace echogw::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Families = std::vector<MetricFamily>;
using Labels = std::vector<ClientMetric::Label>;

constexpr MetricType kGauge = MetricType::Gauge;
constexpr MetricType kCounter = MetricType::Counter;

MetricFamily& AddFamily(Families& to, const char* name, const char* help, MetricType type) {
  to.push_back({.name = name, .help = help, .type = type, .metric = {}});
  return to.back();
}

template <typename Number>
void AddValue(MetricFamily& to, Labels labels, Number value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (to.type == kCounter ? metric.counter.value : metric.gauge.value) = static_cast<double>(value);
  to.metric.push_back(std::move(metric));
}

template <typename Number>
void AddSingle(Families& to, const char* name, const char* help, MetricType type, Number value) {
  AddValue(AddFamily(to, name, help, type), {}, value);
}

void AddGateway(const GatewayStats& stats, const BuildInfo& build, Families& to) {
  AddValue(
      AddFamily(to, "echogw_build_info", "Version, revision and compiler of the gateway.", kGauge),
      {{"version", build.version}, {"revision", build.revision}, {"compiler", build.compiler}}, 1);
  MetricFamily& state = AddFamily(
      to, "echogw_state", "1 for the current state of the gateway, 0 for the others.", kGauge);
  for (const char* name : kGatewayStateNames) {
    AddValue(state, {{"state", name}}, name == Name(stats.state) ? 1 : 0);
  }
  const auto running =
      std::count_if(stats.reactors.begin(), stats.reactors.end(),
                    [](const ReactorStats& r) { return r.state != ReactorState::kParked; });
  AddSingle(to, "echogw_reactors", "Reactors that are not parked.", kGauge, running);
  AddSingle(to, "echogw_steering_active",
            "1 if the kernel runs the steering program, 0 if its hash selects the reactor.", kGauge,
            stats.steering_active ? 1 : 0);
}

Labels ReactorLabel(const ReactorStats& reactor) { return {{"reactor", absl::StrCat(reactor.id)}}; }

// A metric of every reactor for each counter of a table; `part` is where the snapshot has them.
template <typename Values, typename Part>
void AddNumbers(const GatewayStats& stats, std::span<const NumberRow<Values>> rows, Part part,
                Families& to) {
  for (const NumberRow<Values>& row : rows) {
    const bool total = row.kind == CounterKind::kTotal || row.kind == CounterKind::kSeconds;
    const bool time = row.kind == CounterKind::kSeconds || row.kind == CounterKind::kPeakSeconds;
    MetricFamily& family = AddFamily(to, row.metric, row.help, total ? kCounter : kGauge);
    for (const ReactorStats& reactor : stats.reactors) {
      const auto value = static_cast<double>(part(reactor.counters).*row.value);
      AddValue(family, ReactorLabel(reactor), time ? value / 1e9 : value);
    }
  }
}

template <typename Values, typename Part>
void AddCounts(const GatewayStats& stats, std::span<const CountsRow<Values>> rows, Part part,
               Families& to) {
  for (const CountsRow<Values>& row : rows) {
    MetricFamily& family = AddFamily(to, row.metric, row.help, kCounter);
    for (const ReactorStats& reactor : stats.reactors) {
      const auto values = row.values(part(reactor.counters));
      for (std::size_t i = 0; i < values.size(); ++i) {
        Labels labels = ReactorLabel(reactor);
        labels.push_back({row.label, row.names[i]});
        AddValue(family, std::move(labels), values[i]);
      }
    }
  }
}

void AddReactors(const GatewayStats& stats, Families& to) {
  MetricFamily& info = AddFamily(to, "echogw_reactor_info", "CPU and state of a reactor.", kGauge);
  for (const ReactorStats& reactor : stats.reactors) {
    Labels labels = ReactorLabel(reactor);
    labels.push_back({"cpu", reactor.cpu < 0 ? "none" : absl::StrCat(reactor.cpu)});
    labels.push_back({"state", Name(reactor.state)});
    AddValue(info, std::move(labels), 1);
  }
  const auto all = [](const CounterSnapshot& c) -> const CounterSnapshot& { return c; };
  AddNumbers(stats, CounterNumbers(), all, to);
  AddCounts(stats, CounterCounts(), all, to);
  MetricFamily& weight = AddFamily(
      to, "echogw_steering_weight",
      "Share of new connections of a reactor, relative to the sum of all weights.", kGauge);
  for (const ReactorStats& reactor : stats.reactors) {
    AddValue(weight, ReactorLabel(reactor), reactor.steering_weight);
  }
}

// A value of each socket of the reactors' lists `sockets`.
template <typename Socket, typename Value>
void AddSockets(const GatewayStats& stats, std::vector<Socket> ReactorStats::*sockets,
                const char* name, const char* help, MetricType type, Value value, Families& to) {
  MetricFamily& family = AddFamily(to, name, help, type);
  // A socket that moves during the snapshot may be listed under both owners; Prometheus rejects a
  // scrape with a duplicate series.
  std::set<std::pair<std::string, std::uint32_t>> seen;
  for (const ReactorStats& reactor : stats.reactors) {
    for (const Socket& socket : reactor.*sockets) {
      if (!seen.emplace(socket.address, socket.slot).second) continue;
      AddValue(family, {{"address", socket.address}, {"slot", absl::StrCat(socket.slot)}},
               value(socket));
    }
  }
}

void AddListeners(const GatewayStats& stats, Families& to) {
  const auto add = [&](const char* name, const char* help, MetricType type, auto value) {
    AddSockets(stats, &ReactorStats::listeners, name, help, type, value, to);
  };
  add("echogw_listener_accept_queue_depth", "Connections waiting to be accepted.", kGauge,
      [](const ListenerStats& l) { return l.accept_queue; });
  add("echogw_listener_accept_queue_limit", "Maximum number of connections waiting to be accepted.",
      kGauge, [](const ListenerStats& l) { return l.accept_queue_limit; });
  add("echogw_listener_drops_total",
      "Handshakes and connections dropped by the kernel at the listener.", kCounter,
      [](const ListenerStats& l) { return l.drops; });
}

void AddLimits(const Limits& limits, Families& to) {
  MetricFamily& family = AddFamily(to, "echogw_limit", "Limits in force; 0 is unlimited.", kGauge);
  for (const LimitField& field : LimitFields()) {
    if (field.unit == LimitField::Unit::kAcceptExcess) continue;
    const bool time = field.unit == LimitField::Unit::kNanoseconds;
    AddValue(family, {{"limit", absl::StrCat(field.name, time ? "_seconds" : "")}},
             static_cast<double>(field.get(limits)) / (time ? kNanosPerSecond : 1));
  }
}

void AddUdp(const GatewayStats& stats, Families& to) {
  const bool on = std::any_of(stats.reactors.begin(), stats.reactors.end(),
                              [](const ReactorStats& r) { return !r.udp_sockets.empty(); });
  if (!on) return;
  const auto udp = [](const CounterSnapshot& c) -> const UdpSnapshot& { return c.udp; };
  AddNumbers(stats, UdpNumbers(), udp, to);
  AddCounts(stats, UdpCounts(), udp, to);
  const auto add = [&](const char* name, const char* help, MetricType type, auto value) {
    AddSockets(stats, &ReactorStats::udp_sockets, name, help, type, value, to);
  };
  add("echogw_udp_socket_queue_bytes", "Memory of the datagrams waiting to be read.", kGauge,
      [](const UdpSocketStats& s) { return s.queue_bytes; });
  add("echogw_udp_socket_queue_limit_bytes", "Maximum memory of the datagrams waiting to be read.",
      kGauge, [](const UdpSocketStats& s) { return s.queue_limit_bytes; });
  add("echogw_udp_socket_drops_total", "Datagrams dropped by the kernel at the socket.", kCounter,
      [](const UdpSocketStats& s) { return s.drops; });
}

void AddLog(const LogControl& log, Families& to) {
  AddSingle(to, "echogw_log_lines_dropped_total", "Log lines lost because the log queue was full.",
            kCounter, log.lines_dropped());
  AddSingle(to, "echogw_log_write_errors_total",
            "Log lines that could not be written to the console or the log file.", kCounter,
            log.write_errors());
}

void AddRefused(const RefusalCounts& counts, Families& to) {
  MetricFamily& family = AddFamily(to, "echogw_admin_refused_total",
                                   "Admin calls refused by access control, by reason.", kCounter);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    AddValue(family, {{"reason", kRefusalNames[i]}}, counts[i]);
  }
}

void AddAdminCalls(const std::vector<AdminCallCount>& counts, Families& to) {
  MetricFamily& family = AddFamily(to, "echogw_admin_requests_total",
                                   "Finished admin calls, by method and status code.", kCounter);
  for (const AdminCallCount& call : counts) {
    AddValue(family, {{"method", call.method}, {"code", call.code}}, call.count);
  }
}

void AddCredentials(const std::vector<const CredentialStats*>& credentials, Families& to) {
  std::vector<CredentialFiles> all;
  for (const CredentialStats* each : credentials) {
    for (const CredentialFiles& files : each->files()) all.push_back(files);
  }
  if (all.empty()) return;
  MetricFamily& failures = AddFamily(
      to, "echogw_credential_load_failures_total",
      "Failed attempts to load changed files; the previous contents stay in use.", kCounter);
  for (const CredentialFiles& files : all) {
    AddValue(failures, {{"files", files.name}}, files.failures);
  }
  MetricFamily& expiration =
      AddFamily(to, "echogw_certificate_expiration_timestamp_seconds",
                "End of the validity of the certificate in use, since the epoch.", kGauge);
  for (const CredentialFiles& files : all) {
    if (files.expiration) AddValue(expiration, {{"files", files.name}}, *files.expiration);
  }
}

void AddUpgrades(Families& to, const GatewayStats& stats) {
  AddSingle(to, "echogw_upgrades_total", "Processes that this one has followed by an upgrade.",
            kCounter, stats.lineage.upgrades);
  AddSingle(to, "echogw_predecessor_connections",
            "Active connections that the process before this one still serves.", kGauge,
            stats.connections_of_predecessor);
}

void AddProcess(Families& to) {
  const ProcessStats process = ReadProcessStats();
  AddSingle(to, "process_cpu_seconds_total", "User and system CPU time of the process.", kCounter,
            static_cast<double>(process.usage.cpu_nanoseconds) / 1e9);
  AddSingle(to, "process_open_fds", "Open file descriptors.", kGauge, process.open_fds);
  AddSingle(to, "process_max_fds", "Maximum number of open file descriptors.", kGauge,
            process.max_fds);
  AddSingle(to, "process_resident_memory_bytes", "Resident memory in bytes.", kGauge,
            process.usage.resident_bytes);
  AddSingle(to, "process_virtual_memory_bytes", "Virtual memory in bytes.", kGauge,
            process.virtual_bytes);
  AddSingle(to, "process_threads", "Number of threads.", kGauge, process.threads);
  AddSingle(to, "process_start_time_seconds",
            "Start time of the process in seconds since the epoch.", kGauge,
            process.start_time_seconds);
}

}  // namespace

MetricsCollector::MetricsCollector(const Control& control, const LogControl& log,
                                   const AdminCallCounts& calls, BuildInfo build,
                                   std::vector<const CredentialStats*> credentials)
    : control_(control),
      log_(log),
      calls_(calls),
      build_(std::move(build)),
      credentials_(std::move(credentials)) {}

std::string MetricsCollector::Text() const {
  try {
    Families families;
    const GatewayStats stats = control_.Stats();
    AddGateway(stats, build_, families);
    AddReactors(stats, families);
    AddListeners(stats, families);
    AddUdp(stats, families);
    AddHistograms(stats, families);
    AddLimits(control_.GetLimits(), families);
    AddLog(log_, families);
    AddRefused(calls_.refused(), families);
    AddAdminCalls(calls_.counts(), families);
    AddCredentials(credentials_, families);
    AddUpgrades(families, stats);
    AddProcess(families);
    return prometheus::TextSerializer().Serialize(families);
  } catch (...) {
    return {};
  }
}

}  // namespace echogw::server
