// LoopTime: how a reactor's time divides into work and waiting, for its counters.
//
// With a mechanism that only waits, all but the waits is work, and two readings of the clock a turn
// tell it. An engine that moves bytes inside its wait hides that work from the clock: there what
// the kernel knows of the thread tells it, read once a millisecond because that is a system call.
// Until then the waits are in no counter, so that none ever goes back. A thread that never slept
// was busy all the time, whether or not it had its CPU for itself; of one that did, the time that
// it waited for a CPU inside its waits counts as waiting.
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

  // On the thread that is counted, before anything else.
  void Begin(Nanos now) noexcept;

  // A wait ended `now`. Of its time, `spun` was spent polling without blocking.
  void Waited(Nanos waited, Nanos spun, Nanos now) noexcept {
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

  // A turn took so long outside of its wait.
  void Handled(Nanos took) noexcept {
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
