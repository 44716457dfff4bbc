// What a reactor counts. One writer, the reactor's thread; any thread may take a Snapshot, which is
// not a consistent cut: the reactor goes on while it is taken.
//
// A Counters block belongs to a slot of the pool and outlives the reactors that run in that slot,
// so that no total ever goes back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "reactor/counter.h"
#include "reactor/histogram.h"

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
};
inline constexpr std::size_t kCloseReasons = 8;

// Why a connection that the kernel had accepted was turned away.
enum class RejectReason : std::uint8_t {
  kFdLimitSelect,  // the descriptor is not below FD_SETSIZE
  kTableFull,      // ReactorOptions::connections_max
  kPollerError,    // the poller could not watch it
  kDraining,       // the gateway refuses new connections
};
inline constexpr std::size_t kRejectReasons = 4;

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
  std::uint64_t accepted_from_adopted = 0;
  std::uint64_t loop_stalls = 0;
  std::uint64_t loop_longest_ns = 0;
  std::uint64_t pending_bytes = 0;
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
  Counter accepted_from_adopted;
  Counter partial_writes;
  Counter loop_stalls;
  Counter loop_longest_ns;
  Counter loop_spin_ns;
  Counter pending_bytes;
  Histogram<kBatchBuckets> accept_batch;    // connections accepted from a listener in one turn
  Histogram<kLifetimeBuckets> lifetime_ms;  // of connections that ended here

  [[nodiscard]] CounterSnapshot Read() const noexcept;
};

}  // namespace echogw
