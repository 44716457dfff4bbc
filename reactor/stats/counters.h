// What a reactor counts. One writer, the reactor's thread; any thread may take a Snapshot, which is
// not a consistent cut: the reactor goes on while it is taken.
//
// A Counters block belongs to a slot of the pool and outlives the reactors that run in that slot,
// so that no total ever goes back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "reactor/base/counter.h"
#include "reactor/base/histogram.h"
#include "reactor/stats/udp_counters.h"

namespace echogw {

// Why a connection ended.
enum class CloseReason : std::uint8_t {
  kPeerClosed,   // FIN from the peer, and everything was echoed
  kPeerReset,    // RST from the peer
  kTimedOut,     // the kernel gave up on the peer
  kIoError,      // any other error of the socket
  kDrained,      // closed by us: all echoed, then FIN
  kDrainForced,  // closed by us with RST
  kAdminClosed,  // one that an operator closed: all echoed, then FIN
  kAdminReset,   // one that an operator closed with RST
  // Closed by a limit: all echoed, then FIN; with RST if the peer does not end it then.
  kIdleTimeout,       // it was not ready for anything for Limits::idle_timeout
  kMaxAge,            // Limits::max_age
  kNoFirstByte,       // it sent nothing for Limits::first_byte_timeout
  kProxyHeader,       // the PROXY header is missing or wrong
  kHandshakeTimeout,  // what comes before payload did not come in time
  kTlsError,          // the handshake failed, or TLS after it
};
inline constexpr std::size_t kCloseReasons = 14;

// Why a connection that the kernel had accepted was turned away.
enum class RejectReason : std::uint8_t {
  kFdLimitSelect,  // the descriptor is not below FD_SETSIZE
  kTableFull,      // Limits::max_connections
  kPollerError,    // the poller could not watch it
  kDraining,       // the gateway refuses new connections
  kTotalLimit,     // Limits::max_connections_total
  kClientLimit,    // Limits::max_connections_per_client
  kAcceptRate,     // Limits::accept_rate, unless they wait
};
inline constexpr std::size_t kRejectReasons = 7;

// What became of connections at an address that wants a PROXY header.
enum class ProxyOutcome : std::uint8_t {
  kV1,         // a header of version 1
  kV2,         // one of version 2
  kLocal,      // one in which the proxy speaks for itself
  kAbsent,     // none where it is optional: served without
  kMissing,    // none where it is required; this and the rest are closed
  kMalformed,  // one that breaks a rule
  kTooLong,    // one over the limits of proxy_protocol.h
  kChecksum,   // one whose CRC32C is wrong
  kTimedOut,   // none, or not all of it, in time
};
inline constexpr std::size_t kProxyOutcomes = 9;

// Why the TLS of a connection failed, in the handshake but for kAlert and kOther.
enum class TlsFailure : std::uint8_t {
  kNotTls,    // the client does not speak TLS
  kVersion,   // it speaks no version that we do
  kCipher,    // no cipher in common
  kAlert,     // it sent an alert, as when it does not trust the certificate
  kClosed,    // it went away
  kTimedOut,  // it took too long
  kOther,
};
inline constexpr std::size_t kTlsFailures = 7;

// Why accept() failed.
enum class AcceptError : std::uint8_t { kFdLimit, kMemory, kOther };
inline constexpr std::size_t kAcceptErrors = 3;

// Durations in nanoseconds up to 17 s, event counts up to 512, message sizes up to 128 KiB and life
// times in milliseconds up to 49 days.
inline constexpr std::size_t kDurationBuckets = 35;
inline constexpr std::size_t kBatchBuckets = 11;
inline constexpr std::size_t kSizeBuckets = 19;
inline constexpr std::size_t kLifetimeBuckets = 33;

// A value read from a Counters block, or a sum of such values.
struct CounterSnapshot {
  std::uint64_t connections_active = 0;
  std::uint64_t connections_accepted = 0;
  std::array<std::uint64_t, kCloseReasons> connections_closed{};
  std::array<std::uint64_t, kRejectReasons> connections_rejected{};
  std::uint64_t connections_moved_in = 0;
  std::uint64_t connections_moved_out = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t partial_writes = 0;
  std::uint64_t ready_events = 0;
  std::uint64_t wakeups = 0;
  std::uint64_t loop_busy_ns = 0;
  std::uint64_t loop_wait_ns = 0;
  std::uint64_t loop_spin_ns = 0;  // of loop_wait_ns
  std::array<std::uint64_t, kAcceptErrors> accept_errors{};
  std::uint64_t accept_rate_waits = 0;
  std::array<std::uint64_t, kProxyOutcomes> proxy_headers{};
  std::uint64_t tls_handshakes = 0;
  std::array<std::uint64_t, kTlsFailures> tls_failures{};
  std::uint64_t accepted_from_adopted = 0;
  std::uint64_t loop_stalls = 0;
  std::uint64_t loop_longest_ns = 0;
  std::uint64_t pending_bytes = 0;
  UdpSnapshot udp;
  HistogramSnapshot<kDurationBuckets> turn_ns;
  HistogramSnapshot<kDurationBuckets> echo_ns;
  HistogramSnapshot<kBatchBuckets> wakeup_events;
  HistogramSnapshot<kBatchBuckets> accept_batch;
  HistogramSnapshot<kSizeBuckets> read_bytes;
  HistogramSnapshot<kLifetimeBuckets> lifetime_ms;

  // Adds every count of `other`; of loop_longest_ns the larger one is kept.
  CounterSnapshot& operator+=(const CounterSnapshot& other);

  [[nodiscard]] std::uint64_t closed_total() const;
  [[nodiscard]] std::uint64_t rejected_total() const;
};

// Aligned to two cache lines, so that neither a neighbour's writes nor the adjacent-line prefetch
// of x86 disturb the writer.
struct alignas(128) Counters {
  // Changed by every message; together on the first lines.
  Counter received_bytes;
  Counter sent_bytes;
  Counter reads;
  Counter writes;
  Counter ready_events;
  Counter wakeups;
  Counter loop_busy_ns;
  Counter loop_wait_ns;
  // One value a turn of the loop: how long it took to handle all events, how many there were, and
  // how long after the wake-up one of its echoes, picked in turn, was written.
  Histogram<kDurationBuckets> turn_ns;
  Histogram<kBatchBuckets> wakeup_events;
  Histogram<kDurationBuckets> echo_ns;
  // One value a read.
  Histogram<kSizeBuckets> read_bytes;
  // Changed by connections and by what is rare.
  Counter connections_active;
  Counter connections_accepted;
  Counter connections_moved_in;
  Counter connections_moved_out;
  std::array<Counter, kCloseReasons> connections_closed;
  std::array<Counter, kRejectReasons> connections_rejected;
  std::array<Counter, kAcceptErrors> accept_errors;
  Counter accept_rate_waits;  // pauses of accepting because of Limits::accept_rate
  std::array<Counter, kProxyOutcomes> proxy_headers;
  Counter tls_handshakes;  // that succeeded
  std::array<Counter, kTlsFailures> tls_failures;
  Counter accepted_from_adopted;
  Counter partial_writes;
  Counter loop_stalls;
  Counter loop_longest_ns;
  Counter loop_spin_ns;
  Counter pending_bytes;
  Histogram<kBatchBuckets> accept_batch;    // connections accepted from a listener in one turn
  Histogram<kLifetimeBuckets> lifetime_ms;  // of connections that ended here
  UdpCounters udp;

  [[nodiscard]] CounterSnapshot Read() const noexcept;
};

}  // namespace echogw
