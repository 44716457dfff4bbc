// What a load found. Plain values: each thread fills one, and they are merged after the join.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ctl/engine/error_log.h"
#include "ctl/engine/latency_histogram.h"

namespace echogw::ctl::load {

// A connection that took longer than LoadOptions::slow_threshold.
struct SlowConnection {
  enum class What { kConnect, kFirstEcho };
  // When it ended.
  std::chrono::system_clock::time_point time;
  What what = What::kConnect;
  Duration took{0};
  std::uint64_t connection = 0;
  std::uint16_t local_port = 0;
};

// What the results of every load have. The measured time starts after the warm-up and ends with the
// load, before the last answers are collected.
struct MeasuredResult {
  // Of the messages that were sent, or due, after the warm-up. In a stream: from the time a message
  // was sent (with a rate: was due) to its last byte. In churn: from connect to the last byte.
  LatencyHistogram latency;
  // Of the whole load.
  std::uint64_t verified_bytes = 0;
  Duration measured{0};
  std::uint64_t measured_messages = 0;
  // CPU time, user and system, of the load's threads in the measured time.
  Duration measured_cpu{0};
  // Stop() was called before the load was over.
  bool interrupted = false;

  // Adds the result of another thread of the load. Of times the longest counts; CPU times add up.
  void Merge(const MeasuredResult& other) {
    latency.Merge(other.latency);
    verified_bytes += other.verified_bytes;
    measured = std::max(measured, other.measured);
    measured_messages += other.measured_messages;
    measured_cpu += other.measured_cpu;
    interrupted = interrupted || other.interrupted;
  }
};

struct LoadResult : MeasuredResult {
  // The most slow connections of a thread that are recorded; all are counted.
  static constexpr std::size_t kSlowDetails = 20;

  LatencyHistogram connect_latency;
  ErrorLog errors;
  std::uint64_t slow_count = 0;
  std::vector<SlowConnection> slow;

  // Of the whole load: connects begun and done, messages that came back right, wrong bytes.
  std::uint64_t connects_begun = 0;
  std::uint64_t connects = 0;
  std::uint64_t messages = 0;
  std::uint64_t wrong_bytes = 0;
  // Connections that were open at the end, and had every answer, before they were closed.
  std::uint64_t alive_at_end = 0;

  // Messages (in churn: connections) that were due and not sent when the load ended, and those sent
  // that were neither answered nor failed when the wait for the last answers ended.
  std::uint64_t unsent = 0;
  std::uint64_t unfinished = 0;

  std::chrono::steady_clock::time_point measured_from;
  // Of the measured time in churn mode, of the whole load otherwise.
  std::uint64_t measured_connects = 0;
  // Time it took to open the connections of a stream load.
  Duration connect_phase{0};

  void Merge(const LoadResult& other) {
    MeasuredResult::Merge(other);
    connect_latency.Merge(other.connect_latency);
    errors.Merge(other.errors);
    slow_count += other.slow_count;
    slow.insert(slow.end(), other.slow.begin(), other.slow.end());
    std::stable_sort(
        slow.begin(), slow.end(),
        [](const SlowConnection& a, const SlowConnection& b) { return a.time < b.time; });
    connects_begun += other.connects_begun;
    connects += other.connects;
    messages += other.messages;
    wrong_bytes += other.wrong_bytes;
    alive_at_end += other.alive_at_end;
    unsent += other.unsent;
    unfinished += other.unfinished;
    // The same for all threads that measured anything.
    measured_from = std::max(measured_from, other.measured_from);
    measured_connects += other.measured_connects;
    connect_phase = std::max(connect_phase, other.connect_phase);
  }
};

// What a thread has done so far, for progress lines. Written by that thread once per turn of its
// loop, read by any; relaxed, because each number stands for itself. Of datagrams: answers, and
// losses as errors.
struct alignas(64) LoadProgress {
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> connects{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> open{0};
};

struct UdpLoadResult : MeasuredResult {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;  // in time and right
  std::uint64_t lost = 0;      // not answered in time
  std::uint64_t late = 0;      // answers to lost datagrams, and duplicates
  std::uint64_t wrong = 0;     // answers that differ from what was sent
  std::uint64_t refused = 0;   // ICMP errors: no listener
  std::uint64_t io_errors = 0;
  int first_error = 0;  // errno of the first of these; 0: none

  // The sum of all that went wrong.
  [[nodiscard]] std::uint64_t faults() const { return lost + late + wrong + refused + io_errors; }
  void Merge(const UdpLoadResult& other) {
    MeasuredResult::Merge(other);
    sent += other.sent;
    answered += other.answered;
    lost += other.lost;
    late += other.late;
    wrong += other.wrong;
    refused += other.refused;
    io_errors += other.io_errors;
    if (first_error == 0) first_error = other.first_error;
  }
};

}  // namespace echogw::ctl::load
