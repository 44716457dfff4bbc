// The UDP part of a reactor's Counters, with the same rules.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "reactor/stats/counter_table.h"
#include "reactor/stats/reasons.h"

// Receives and sends are system calls, each for a batch of datagrams.
#define ECHOGW_UDP_COUNTERS(NUMBER, COUNTS)                                                        \
  NUMBER(received_datagrams, kTotal, "echogw_udp_received_datagrams_total", "Datagrams received.") \
  NUMBER(sent_datagrams, kTotal, "echogw_udp_sent_datagrams_total", "Datagrams sent back.")        \
  NUMBER(received_bytes, kTotal, "echogw_udp_received_bytes_total",                                \
         "Payload bytes received in datagrams.")                                                   \
  NUMBER(sent_bytes, kTotal, "echogw_udp_sent_bytes_total",                                        \
         "Payload bytes sent back in datagrams.")                                                  \
  NUMBER(receives, kTotal, "echogw_udp_receives_total",                                            \
         "System calls that received a batch of datagrams.")                                       \
  NUMBER(sends, kTotal, "echogw_udp_sends_total", "System calls that sent a batch of datagrams.")  \
  NUMBER(receive_errors, kTotal, "echogw_udp_receive_errors_total",                                \
         "Failed system calls to receive datagrams.")                                              \
  COUNTS(dropped, kUdpDropNames, "reason", "echogw_udp_dropped_datagrams_total",                   \
         "Datagrams received and not sent back, by reason.")

namespace echogw {

// A value read from UdpCounters, or a sum of such values.
struct UdpSnapshot {
  ECHOGW_UDP_COUNTERS(ECHOGW_VALUE, ECHOGW_VALUES_OF)

  UdpSnapshot& operator+=(const UdpSnapshot& other) {
    ECHOGW_UDP_COUNTERS(ECHOGW_ADD, ECHOGW_ADD_EACH)
    return *this;
  }

  [[nodiscard]] std::uint64_t dropped_total() const {
    return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
  }
};

// Every datagram is either answered or dropped: received = sent + dropped, except for the batch
// being processed.
struct UdpCounters {
  ECHOGW_UDP_COUNTERS(ECHOGW_COUNTER, ECHOGW_COUNTERS_OF)

  void Drop(UdpDrop reason, std::uint64_t datagrams) noexcept {
    dropped[static_cast<std::size_t>(reason)].Add(datagrams);
  }

  [[nodiscard]] UdpSnapshot Read() const noexcept {
    UdpSnapshot out;
    ECHOGW_UDP_COUNTERS(ECHOGW_READ, ECHOGW_READ)
    return out;
  }
};

[[nodiscard]] std::span<const NumberRow<UdpSnapshot>> UdpNumbers();
[[nodiscard]] std::span<const CountsRow<UdpSnapshot>> UdpCounts();

}  // namespace echogw
