// What a load of datagrams is to do, and what it found. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ctl/engine/latency_histogram.h"
#include "ctl/engine/load_target.h"

namespace echogw::ctl::load {

struct UdpLoadOptions {
  // The number that a datagram carries, and what IPv4 can carry.
  static constexpr std::uint64_t kBytesMin = 8;
  static constexpr std::uint64_t kBytesMax = 65507;

  LoadTarget target;
  std::vector<sockaddr_in> sources;  // sockets take them in turn
  std::size_t sockets = 1;
  std::uint64_t message_bytes = 64;
  std::uint64_t depth = 1;               // of a socket: datagrams under way at a time
  std::chrono::nanoseconds duration{0};  // 0: until Stop() or the number of messages
  std::chrono::nanoseconds warmup{0};    // traffic before this has passed is not measured
  std::uint64_t messages = 0;            // 0: no limit
  std::chrono::nanoseconds answer_timeout = std::chrono::seconds(1);
  std::size_t threads = 1;  // at most the number of sockets
  std::vector<int> cpus;    // thread i is pinned to cpus[i % size]
  std::uint64_t seed = 1;
};

// Plain values: each thread fills one, and they are merged after the join.
struct UdpLoadResult {
  LatencyHistogram latency;  // of datagrams sent in the measured time
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;  // in time and right
  std::uint64_t lost = 0;      // not answered in time
  std::uint64_t late = 0;      // answers to lost datagrams, and duplicates
  std::uint64_t wrong = 0;     // answers that differ from what was sent
  std::uint64_t refused = 0;   // ICMP says that no one listens
  std::uint64_t io_errors = 0;
  int first_error = 0;  // errno of the first of these; 0: none
  std::uint64_t verified_bytes = 0;
  std::uint64_t measured_answers = 0;
  std::chrono::nanoseconds measured{0};
  std::chrono::nanoseconds measured_cpu{0};
  bool interrupted = false;

  // The sum of all that went wrong.
  [[nodiscard]] std::uint64_t faults() const { return lost + late + wrong + refused + io_errors; }
  void Merge(const UdpLoadResult& other);
};

}  // namespace echogw::ctl::load
