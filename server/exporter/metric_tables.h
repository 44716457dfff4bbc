// Names, help texts and values of the metrics that every reactor has, as tables. Help texts must
// not hold a line break or a backslash: prometheus-cpp does not escape them.
#pragma once

#include <prometheus/metric_type.h>

#include <array>
#include <cstddef>
#include <vector>

#include "reactor/stats/counters.h"
#include "server/pool/control.h"

namespace echogw::server {

// One number of a reactor, labelled with its id.
struct ReactorMetric {
  const char* name;
  const char* help;
  prometheus::MetricType type;
  double (*value)(const CounterSnapshot& counters);
};
[[nodiscard]] const std::vector<ReactorMetric>& ReactorMetrics();
// Those of UDP, for a gateway that has it.
[[nodiscard]] const std::vector<ReactorMetric>& UdpMetrics();

// The values of a second label, in the order of the enumeration.
inline constexpr auto kCloseReasonNames = std::to_array<const char*>(
    {"peer_closed", "peer_reset", "timed_out", "io_error", "drained", "drain_forced",
     "admin_closed", "admin_reset", "idle_timeout", "max_age", "no_first_byte", "proxy_header",
     "handshake_timeout", "tls_error"});
static_assert(kCloseReasonNames.size() == kCloseReasons);
inline constexpr auto kRejectReasonNames =
    std::to_array<const char*>({"fd_limit_select", "table_full", "poller_error", "draining",
                                "total_limit", "client_limit", "accept_rate"});
static_assert(kRejectReasonNames.size() == kRejectReasons);
inline constexpr auto kProxyOutcomeNames = std::to_array<const char*>(
    {"v1", "v2", "local", "absent", "missing", "malformed", "too_long", "checksum", "timed_out"});
static_assert(kProxyOutcomeNames.size() == kProxyOutcomes);
inline constexpr auto kTlsFailureNames = std::to_array<const char*>(
    {"not_tls", "version", "cipher", "alert", "closed", "timed_out", "other"});
static_assert(kTlsFailureNames.size() == kTlsFailures);
inline constexpr auto kAcceptErrorNames =
    std::to_array<const char*>({"fd_limit", "memory", "other"});
static_assert(kAcceptErrorNames.size() == kAcceptErrors);

inline constexpr auto kUdpDropNames = std::to_array<const char*>(
    {"would_block", "send_error", "truncated", "service_port", "group_address", "draining"});
static_assert(kUdpDropNames.size() == kUdpDrops);

inline constexpr auto kGatewayStateNames = std::to_array<const char*>(
    {"starting", "serving", "unhealthy", "quiet", "refusing", "closing", "drained", "stopped"});
inline constexpr auto kReactorStateNames =
    std::to_array<const char*>({"starting", "serving", "draining", "drained", "parked"});

[[nodiscard]] inline const char* Name(GatewayState state) {
  return kGatewayStateNames[static_cast<std::size_t>(state)];
}
[[nodiscard]] inline const char* Name(ReactorState state) {
  return kReactorStateNames[static_cast<std::size_t>(state)];
}

}  // namespace echogw::server
