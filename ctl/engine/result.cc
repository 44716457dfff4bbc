#include "ctl/engine/result.h"

#include <algorithm>

namespace echogw::ctl::load {

void MeasuredResult::Merge(const MeasuredResult& other) {
  latency.Merge(other.latency);
  verified_bytes += other.verified_bytes;
  measured = std::max(measured, other.measured);
  measured_messages += other.measured_messages;
  measured_cpu += other.measured_cpu;
  interrupted = interrupted || other.interrupted;
}

void LoadResult::Merge(const LoadResult& other) {
  MeasuredResult::Merge(other);
  connect_latency.Merge(other.connect_latency);
  errors.Merge(other.errors);
  slow_count += other.slow_count;
  slow.insert(slow.end(), other.slow.begin(), other.slow.end());
  std::stable_sort(slow.begin(), slow.end(), [](const SlowConnection& a, const SlowConnection& b) {
    return a.time < b.time;
  });
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

void UdpLoadResult::Merge(const UdpLoadResult& other) {
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

}  // namespace echogw::ctl::load
