// What a reactor counts. One writer, the reactor's thread; any thread may take a Snapshot, which is
// not a consistent cut: the reactor runs while it is taken.
//
// A Counters block belongs to a slot of the pool and outlives the reactors that run in that slot,
// so that no total ever decreases.
//
// To add a counter: a row here, a field of that name in admin.proto (`_ns` is `_nanoseconds` there;
// histograms have none), and the place that counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/stats/counter_table.h"
#include "reactor/stats/loop_activity.h"
#include "reactor/stats/reasons.h"
#include "reactor/stats/udp_counters.h"

namespace echogw {

// Durations in nanoseconds up to 17 s, event counts up to 512, message sizes up to 128 KiB and life
// times in milliseconds up to 49 days.
inline constexpr std::size_t kDurationBuckets = 35;
inline constexpr std::size_t kBatchBuckets = 11;
inline constexpr std::size_t kSizeBuckets = 19;
inline constexpr std::size_t kLifetimeBuckets = 33;

}  // namespace echogw

// In the order of memory: first what every message or turn of the loop changes, the numbers of it
// on one cache line. Help texts must not hold a line break or a backslash: the exporter does not
// escape them.
//
// One value a turn: turn_ns, the time to handle all events; wakeup_events, how many there were;
// echo_ns, from the wake-up to the reply, of one echo a turn. One value a read: read_bytes.
// accept_batch: connections accepted from a listener in one turn. lifetime_ms: of connections that
// ended.
#define ECHOGW_COUNTERS(NUMBER, COUNTS, HISTOGRAM)                                                \
  NUMBER(received_bytes, kTotal, "echogw_received_bytes_total", "Payload read from clients.")     \
  NUMBER(sent_bytes, kTotal, "echogw_sent_bytes_total", "Payload written to clients.")            \
  NUMBER(reads, kTotal, "echogw_reads_total", "Reads that returned payload.")                     \
  NUMBER(writes, kTotal, "echogw_writes_total", "Writes to clients.")                             \
  NUMBER(ready_events, kTotal, "echogw_ready_events_total",                                       \
         "Ready events reported by the poller.")                                                  \
  NUMBER(wakeups, kTotal, "echogw_wakeups_total", "Returns from waiting for events.")             \
  NUMBER(loop_busy_ns, kSeconds, "echogw_loop_busy_seconds_total",                                \
         "Time that the event loop spent working, including system calls.")                       \
  NUMBER(loop_wait_ns, kSeconds, "echogw_loop_wait_seconds_total",                                \
         "Time that the event loop spent waiting for events.")                                    \
  HISTOGRAM(turn_ns, kDurationBuckets)                                                            \
  HISTOGRAM(wakeup_events, kBatchBuckets)                                                         \
  HISTOGRAM(echo_ns, kDurationBuckets)                                                            \
  HISTOGRAM(read_bytes, kSizeBuckets)                                                             \
  NUMBER(connections_active, kGauge, "echogw_connections_active",                                 \
         "Open connections of the reactor.")                                                      \
  NUMBER(connections_accepted, kTotal, "echogw_connections_accepted_total",                       \
         "Connections accepted.")                                                                 \
  NUMBER(connections_moved_in, kTotal, "echogw_connections_moved_in_total",                       \
         "Connections received from another reactor.")                                            \
  NUMBER(connections_moved_out, kTotal, "echogw_connections_moved_out_total",                     \
         "Connections moved to another reactor.")                                                 \
  NUMBER(accepted_from_adopted, kTotal, "echogw_connections_accepted_from_adopted_total",         \
         "Connections accepted from the listener of a parked reactor.")                           \
  NUMBER(accept_rate_waits, kTotal, "echogw_accept_rate_waits_total",                             \
         "Times that accepting paused because of the accept rate limit.")                         \
  NUMBER(tls_handshakes, kTotal, "echogw_tls_handshakes_total", "Successful TLS handshakes.")     \
  NUMBER(partial_writes, kTotal, "echogw_partial_writes_total",                                   \
         "Writes that the kernel accepted only in part, because the client reads slowly.")        \
  NUMBER(loop_spin_ns, kSeconds, "echogw_loop_spin_seconds_total",                                \
         "The part of the waiting time spent polling without blocking (--spin-us).")              \
  NUMBER(loop_stalls, kTotal, "echogw_loop_stalls_total",                                         \
         "Turns of the event loop longer than the stall threshold.")                              \
  NUMBER(loop_longest_ns, kPeakSeconds, "echogw_loop_longest_seconds",                            \
         "The longest turn of the event loop since the start.")                                   \
  NUMBER(pending_bytes, kGauge, "echogw_pending_bytes",                                           \
         "Bytes buffered for clients that do not read.")                                          \
  COUNTS(connections_closed, kCloseReasonNames, "reason", "echogw_connections_closed_total",      \
         "Closed connections, by reason.")                                                        \
  COUNTS(connections_rejected, kRejectReasonNames, "reason", "echogw_connections_rejected_total", \
         "Connections rejected after the kernel had accepted them, by reason.")                   \
  COUNTS(accept_errors, kAcceptErrorNames, "error", "echogw_accept_errors_total",                 \
         "Failed accept calls, by error.")                                                        \
  COUNTS(proxy_headers, kProxyOutcomeNames, "result", "echogw_proxy_headers_total",               \
         "Connections on listeners with PROXY protocol, by result of the header.")                \
  COUNTS(tls_failures, kTlsFailureNames, "reason", "echogw_tls_failures_total",                   \
         "TLS failures, by reason.")                                                              \
  HISTOGRAM(accept_batch, kBatchBuckets)                                                          \
  HISTOGRAM(lifetime_ms, kLifetimeBuckets)

namespace echogw {

// A value read from a Counters block, or a sum of such values.
struct CounterSnapshot {
  ECHOGW_COUNTERS(ECHOGW_VALUE, ECHOGW_VALUES_OF, ECHOGW_HISTOGRAM_VALUE)
  UdpSnapshot udp;

  // Adds every count of `other`; of loop_longest_ns the larger one is kept.
  CounterSnapshot& operator+=(const CounterSnapshot& other);

  [[nodiscard]] std::uint64_t closed_total() const;
  [[nodiscard]] std::uint64_t rejected_total() const;
};

// Aligned to two cache lines, so that neither a neighbour's writes nor the adjacent-line prefetch
// of x86 disturb the writer.
struct alignas(128) Counters {
  ECHOGW_COUNTERS(ECHOGW_COUNTER, ECHOGW_COUNTERS_OF, ECHOGW_HISTOGRAM)
  UdpCounters udp;
  LoopActivity activity;

  // With the time of what the loop does at `now`.
  [[nodiscard]] CounterSnapshot ReadAt(Nanos now) const noexcept;
  [[nodiscard]] CounterSnapshot Read() const noexcept;
};

// Calls `visit(std::string name, std::uint64_t& number)` with every number of a snapshot.
template <typename Visit>
void VisitCounters(CounterSnapshot& snapshot, Visit visit) {
  {
    const char* const prefix = "";
    CounterSnapshot& values = snapshot;
    ECHOGW_COUNTERS(ECHOGW_VISIT, ECHOGW_VISIT_EACH, ECHOGW_VISIT_HISTOGRAM)
  }
  const char* const prefix = "udp/";
  UdpSnapshot& values = snapshot.udp;
  ECHOGW_UDP_COUNTERS(ECHOGW_VISIT, ECHOGW_VISIT_EACH)
}

// The rows above, for metrics and messages.
[[nodiscard]] std::span<const NumberRow<CounterSnapshot>> CounterNumbers();
[[nodiscard]] std::span<const CountsRow<CounterSnapshot>> CounterCounts();

}  // namespace echogw
