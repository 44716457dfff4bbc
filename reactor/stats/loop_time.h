// LoopTime: divides a reactor's time into work and waiting, for its counters.
//
// With a poller that only waits, everything outside the wait is work, and two clock readings per
// turn suffice. An engine that moves bytes inside its wait hides that work from the clock: there
// the kernel's statistics of the thread are used, sampled once per millisecond because that is a
// system call. Until a sample the waits are in no counter, so that no counter decreases. A thread
// that never slept was busy all the time, even if it was preempted; for one that slept, the time
// spent waiting for a CPU inside its waits counts as waiting.
//
// Belongs to its reactor's thread. Nothing here fails.
#pragma once

#include "reactor/base/clock.h"
#include "reactor/stats/counters.h"

namespace echogw {

class LoopTime {
 public:
  static constexpr Nanos kSampleEvery = kNanosPerMilli;

  // `works_in_wait`: the poller is an engine, which moves bytes in its wait.
  LoopTime(Counters& counters, Clock& clock, bool works_in_wait)
      : counters_(counters), clock_(clock), works_in_wait_(works_in_wait) {}

  // First, on the thread to be measured.
  void Begin(Nanos now) noexcept;
  // The loop does not run any more.
  void End() noexcept { counters_.activity.Ends(); }

  // A wait ended at `now`; `spun` of it was spent polling without blocking.
  void Waited(Nanos waited, Nanos spun, Nanos now) noexcept {
    counters_.activity.Works(now);
    if (!works_in_wait_) [[likely]] {
      counters_.loop_wait_ns.Add(static_cast<std::uint64_t>(waited));
      if (spun > 0) [[unlikely]]
        counters_.loop_spin_ns.Add(static_cast<std::uint64_t>(spun));
      return;
    }
    waited_ += waited;
    spun_ += spun;
    if (now - sampled_at_ >= kSampleEvery) Sample(now);
  }

  // A turn spent `took` outside its wait, which begins at `now`.
  void Handled(Nanos took, Nanos now) noexcept {
    counters_.activity.Waits(now);
    counters_.loop_busy_ns.Add(static_cast<std::uint64_t>(took));
    handled_ += took;
  }

 private:
  void Sample(Nanos now) noexcept;

  Counters& counters_;
  Clock& clock_;
  const bool works_in_wait_;
  // Since the last sample.
  Nanos waited_ = 0;
  Nanos spun_ = 0;
  Nanos handled_ = 0;
  Nanos sampled_at_ = 0;
  ThreadUse sampled_;
};

}  // namespace echogw
