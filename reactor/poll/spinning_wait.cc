#include "reactor/poll/spinning_wait.h"

#include <algorithm>

namespace echogw {

SpinningWait::Result SpinningWait::Wait(Poller& poller, Clock& clock, std::span<epoll_event> events,
                                        Nanos now, Nanos timeout) noexcept {
  if (timeout <= 0) return {poller.Wait(events, 0), 0};
  if (!pays() && ++waits_blocked_ < kTryEvery) {
    const std::size_t n = poller.Wait(events, timeout);
    // Polling would have caught it. A longer wait proves nothing: the work may have arrived early,
    // and the wake-up may have taken the rest.
    if (n > 0 && clock.Now() - now <= budget_) Note(true);
    return {n, 0};
  }
  waits_blocked_ = 0;
  // The first look and the one that finds work do not count: an engine works in them.
  std::size_t n = poller.Wait(events, 0);
  const Nanos looked = clock.Now();
  const Nanos until =
      timeout == kNever ? looked + budget_ : std::min(looked + budget_, now + timeout);
  Nanos ended = looked;
  while (n == 0 && ended < until) {
    n = poller.Wait(events, 0);
    if (n == 0) ended = clock.Now();
  }
  if (n > 0) {
    Note(true);
    return {n, ended - looked};
  }
  Note(false);
  const Nanos left = timeout == kNever ? kNever : std::max<Nanos>(timeout - (ended - now), 0);
  return {poller.Wait(events, left), ended - looked};
}

}  // namespace echogw
