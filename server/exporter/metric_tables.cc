#include "server/exporter/metric_tables.h"

#include <cstdint>

namespace echogw::server {
namespace {

using prometheus::MetricType;

double Number(std::uint64_t value) { return static_cast<double>(value); }
double Seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

}  // namespace

const std::vector<ReactorMetric>& ReactorMetrics() {
  static const std::vector<ReactorMetric> metrics = {
      {"echogw_connections_active", "Connections that the reactor holds.", MetricType::Gauge,
       [](const CounterSnapshot& c) { return Number(c.connections_active); }},
      {"echogw_connections_accepted_total", "Connections accepted.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.connections_accepted); }},
      {"echogw_connections_moved_in_total", "Connections taken over from another reactor.",
       MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.connections_moved_in); }},
      {"echogw_connections_moved_out_total", "Connections handed to another reactor.",
       MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.connections_moved_out); }},
      {"echogw_connections_accepted_from_adopted_total",
       "Connections accepted from the listener of a parked reactor.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.accepted_from_adopted); }},
      {"echogw_accept_rate_waits_total", "Times that accepting waited because of the accept rate.",
       MetricType::Counter, [](const CounterSnapshot& c) { return Number(c.accept_rate_waits); }},
      {"echogw_tls_handshakes_total", "TLS handshakes that succeeded.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.tls_handshakes); }},
      {"echogw_received_bytes_total", "Payload read from clients.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.received_bytes); }},
      {"echogw_sent_bytes_total", "Payload written to clients.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.sent_bytes); }},
      {"echogw_reads_total", "Reads that returned payload.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.reads); }},
      {"echogw_writes_total", "Writes to clients.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.writes); }},
      {"echogw_partial_writes_total",
       "Writes of which the kernel took only a part, because the client reads slowly.",
       MetricType::Counter, [](const CounterSnapshot& c) { return Number(c.partial_writes); }},
      {"echogw_ready_events_total", "Ready events that the poller reported.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.ready_events); }},
      {"echogw_wakeups_total", "Returns from the wait of the poller.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.wakeups); }},
      {"echogw_loop_busy_seconds_total",
       "Time that the event loop worked, in the kernel for its sockets included.",
       MetricType::Counter, [](const CounterSnapshot& c) { return Seconds(c.loop_busy_ns); }},
      {"echogw_loop_wait_seconds_total", "Time that the event loop waited for events.",
       MetricType::Counter, [](const CounterSnapshot& c) { return Seconds(c.loop_wait_ns); }},
      {"echogw_loop_spin_seconds_total",
       "Time of that wait in which the event loop polled without blocking (--spin-us).",
       MetricType::Counter, [](const CounterSnapshot& c) { return Seconds(c.loop_spin_ns); }},
      {"echogw_loop_stalls_total", "Turns of the event loop longer than the stall threshold.",
       MetricType::Counter, [](const CounterSnapshot& c) { return Number(c.loop_stalls); }},
      {"echogw_loop_longest_seconds", "The longest turn of the event loop yet.", MetricType::Gauge,
       [](const CounterSnapshot& c) { return Seconds(c.loop_longest_ns); }},
      {"echogw_pending_bytes", "Bytes held for clients that do not read.", MetricType::Gauge,
       [](const CounterSnapshot& c) { return Number(c.pending_bytes); }},
  };
  return metrics;
}

const std::vector<ReactorMetric>& UdpMetrics() {
  static const std::vector<ReactorMetric> metrics = {
      {"echogw_udp_received_datagrams_total", "Datagrams received.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.udp.received_datagrams); }},
      {"echogw_udp_sent_datagrams_total", "Datagrams sent back.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.udp.sent_datagrams); }},
      {"echogw_udp_received_bytes_total", "Payload of datagrams received.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.udp.received_bytes); }},
      {"echogw_udp_sent_bytes_total", "Payload of datagrams sent back.", MetricType::Counter,
       [](const CounterSnapshot& c) { return Number(c.udp.sent_bytes); }},
      {"echogw_udp_receives_total", "System calls that received a batch of datagrams.",
       MetricType::Counter, [](const CounterSnapshot& c) { return Number(c.udp.receives); }},
      {"echogw_udp_sends_total", "System calls that sent a batch of datagrams.",
       MetricType::Counter, [](const CounterSnapshot& c) { return Number(c.udp.sends); }},
      {"echogw_udp_receive_errors_total", "System calls to receive datagrams that failed.",
       MetricType::Counter, [](const CounterSnapshot& c) { return Number(c.udp.receive_errors); }},
  };
  return metrics;
}

}  // namespace echogw::server
