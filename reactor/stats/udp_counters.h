// What a reactor counts of UDP: a part of its Counters, with the same rules.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "reactor/base/counter.h"

namespace echogw {

// Why a datagram that was received got no answer.
enum class UdpDrop : std::uint8_t {
  kWouldBlock,    // the kernel had no room for the answer
  kSendError,     // the answer could not be sent: no route, forbidden, too large for the way back
  kTruncated,     // it was larger than any datagram can be
  kServicePort,   // from port 0, or from a service that would answer the answer
  kGroupAddress,  // sent to a broadcast or multicast address: one question, many answers
  kDraining,      // the gateway refuses new work
};
inline constexpr std::size_t kUdpDrops = 6;

// A value read from UdpCounters, or a sum of such values.
struct UdpSnapshot {
  std::uint64_t received_datagrams = 0;
  std::uint64_t sent_datagrams = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  // Calls of the kernel, each for any number of datagrams.
  std::uint64_t receives = 0;
  std::uint64_t sends = 0;
  // Calls that failed, for a cause that is none of one datagram.
  std::uint64_t receive_errors = 0;
  std::array<std::uint64_t, kUdpDrops> dropped{};

  UdpSnapshot& operator+=(const UdpSnapshot& other) {
    received_datagrams += other.received_datagrams;
    sent_datagrams += other.sent_datagrams;
    received_bytes += other.received_bytes;
    sent_bytes += other.sent_bytes;
    receives += other.receives;
    sends += other.sends;
    receive_errors += other.receive_errors;
    for (std::size_t i = 0; i < kUdpDrops; ++i) dropped[i] += other.dropped[i];
    return *this;
  }

  [[nodiscard]] std::uint64_t dropped_total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : dropped) sum += n;
    return sum;
  }
};

// Every datagram is either answered or dropped: received = sent + dropped, but for the batch that
// is in work.
struct UdpCounters {
  Counter received_datagrams;
  Counter sent_datagrams;
  Counter received_bytes;
  Counter sent_bytes;
  Counter receives;
  Counter sends;
  Counter receive_errors;
  std::array<Counter, kUdpDrops> dropped;

  void Drop(UdpDrop reason, std::uint64_t datagrams) noexcept {
    dropped[static_cast<std::size_t>(reason)].Add(datagrams);
  }

  [[nodiscard]] UdpSnapshot Read() const noexcept {
    UdpSnapshot out;
    out.received_datagrams = received_datagrams.value();
    out.sent_datagrams = sent_datagrams.value();
    out.received_bytes = received_bytes.value();
    out.sent_bytes = sent_bytes.value();
    out.receives = receives.value();
    out.sends = sends.value();
    out.receive_errors = receive_errors.value();
    for (std::size_t i = 0; i < kUdpDrops; ++i) out.dropped[i] = dropped[i].value();
    return out;
  }
};

}  // namespace echogw
