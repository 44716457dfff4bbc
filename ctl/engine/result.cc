#include "ctl/engine/result.h"

#include <algorithm>

namespace echogw::ctl::load {

void LoadResult::Merge(const LoadResult& other) {
  latency.Merge(other.latency);
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
  verified_bytes += other.verified_bytes;
  wrong_bytes += other.wrong_bytes;
  alive_at_end += other.alive_at_end;
  unsent += other.unsent;
  unfinished += other.unfinished;
  // The same for all threads that measured anything.
  measured_from = std::max(measured_from, other.measured_from);
  measured = std::max(measured, other.measured);
  measured_messages += other.measured_messages;
  measured_connects += other.measured_connects;
  connect_phase = std::max(connect_phase, other.connect_phase);
  measured_cpu += other.measured_cpu;
  interrupted = interrupted || other.interrupted;
}

}  // namespace echogw::ctl::load
