// Names, help texts and values of the metrics that every reactor has, as tables. Help texts must
// not hold a line break or a backslash: prometheus-cpp does not escape them.
#pragma once

#include <prometheus/metric_type.h>

#include <array>
#include <cstddef>
#include <vector>

#include "reactor/counters.h"
#include "server/control.h"

namespace echogw {

// One number of a reactor, labelled with its id.
struct ReactorMetric {
  const char* name;
  const char* help;
  prometheus::MetricType type;
  double (*value)(const CounterSnapshot& counters);
};
[[nodiscard]] const std::vector<ReactorMetric>& ReactorMetrics();

// The values of a second label, in the order of the enumeration.
inline constexpr std::array<const char*, kCloseReasons> kCloseReasonNames = {
    "peer_closed", "peer_reset",   "timed_out",    "io_error",
    "drained",     "drain_forced", "admin_closed", "admin_reset"};
inline constexpr std::array<const char*, kRejectReasons> kRejectReasonNames = {
    "fd_limit_select", "table_full", "poller_error", "draining"};
inline constexpr std::array<const char*, kAcceptErrors> kAcceptErrorNames = {"fd_limit", "memory",
                                                                             "other"};

inline constexpr std::array<const char*, 8> kGatewayStateNames = {
    "starting", "serving", "unhealthy", "quiet", "refusing", "closing", "drained", "stopped"};
inline constexpr std::array<const char*, 5> kReactorStateNames = {"starting", "serving", "draining",
                                                                  "drained", "parked"};

[[nodiscard]] inline const char* Name(GatewayState state) {
  return kGatewayStateNames[static_cast<std::size_t>(state)];
}
[[nodiscard]] inline const char* Name(ReactorState state) {
  return kReactorStateNames[static_cast<std::size_t>(state)];
}

}  // namespace echogw
