#include "reactor/stats/loop_time.h"

#include <algorithm>

namespace echogw {

void LoopTime::Begin(Nanos now) noexcept {
  counters_.activity.Waits(now);
  sampled_at_ = now;
  if (works_in_wait_) sampled_ = clock_.Use();
}

// The CPU time that was neither handling nor spinning is work inside the waits. Preemption while
// handling events makes the handling look longer than the CPU time: the result is then too small,
// never too large.
void LoopTime::Sample(Nanos now) noexcept {
  const ThreadUse use = clock_.Use();
  const Nanos most = std::max<Nanos>(waited_ - spun_, 0);
  const Nanos worked = use.sleeps == sampled_.sleeps
                           ? most
                           : std::clamp<Nanos>(use.ran - sampled_.ran - handled_ - spun_, 0, most);
  counters_.loop_busy_ns.Add(static_cast<std::uint64_t>(worked));
  counters_.loop_wait_ns.Add(static_cast<std::uint64_t>(waited_ - worked));
  counters_.loop_spin_ns.Add(static_cast<std::uint64_t>(spun_));
  waited_ = 0;
  spun_ = 0;
  handled_ = 0;
  sampled_at_ = now;
  sampled_ = use;
}

}  // namespace echogw
