#include "reactor/loop_time.h"

#include <algorithm>

namespace echogw {

void LoopTime::Begin(Nanos now) noexcept {
  sampled_at_ = now;
  if (works_in_wait_) sampled_cpu_ = clock_.ThreadCpu();
}

// What the thread ran for and neither handled nor spun away, it worked inside its waits. When it is
// preempted while it handles events it seems to handle for longer than it ran: then this is too
// little, never too much.
void LoopTime::Sample(Nanos now) noexcept {
  const Nanos cpu = clock_.ThreadCpu();
  const Nanos worked = std::clamp<Nanos>(cpu - sampled_cpu_ - handled_ - spun_, 0,
                                         std::max<Nanos>(waited_ - spun_, 0));
  counters_.loop_busy_ns.Add(static_cast<std::uint64_t>(worked));
  counters_.loop_wait_ns.Add(static_cast<std::uint64_t>(waited_ - worked));
  waited_ = 0;
  spun_ = 0;
  handled_ = 0;
  sampled_at_ = now;
  sampled_cpu_ = cpu;
}

}  // namespace echogw
