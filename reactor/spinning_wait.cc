#include "reactor/spinning_wait.h"

#include <algorithm>

namespace echogw {

SpinningWait::Result SpinningWait::Wait(Poller& poller, Clock& clock, std::span<epoll_event> events,
                                        Nanos now, Nanos timeout) noexcept {
  if (timeout <= 0) return {poller.Wait(events, 0), 0};
  if (!pays() && ++waits_blocked_ < kTryEvery) {
    const std::size_t n = poller.Wait(events, timeout);
    // It would have been met awake. A longer wait proves nothing: it may have come soon, and the
    // waking may have taken the rest.
    if (n > 0 && clock.Now() - now <= budget_) Note(true);
    return {n, 0};
  }
  waits_blocked_ = 0;
  const Nanos most = std::min(budget_, timeout);
  Nanos spun = 0;
  do {
    const std::size_t n = poller.Wait(events, 0);
    spun = clock.Now() - now;
    if (n > 0) {
      Note(true);
      return {n, spun};
    }
  } while (spun < most);
  Note(false);
  const Nanos left = timeout == kNever ? kNever : std::max<Nanos>(timeout - spun, 0);
  return {poller.Wait(events, left), spun};
}

}  // namespace echogw
