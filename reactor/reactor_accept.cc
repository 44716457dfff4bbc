#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "reactor/check.h"
#include "reactor/reactor.h"
#include "reactor/reactor_internal.h"
#include "reactor/socket.h"
#include "reactor/steering.h"

namespace echogw {

// A listener is level-triggered: one accept a turn needs no second call that only says EAGAIN, and
// what is left is reported again. When it stays ready turn after turn the batch doubles.
void Reactor::OnListener(WatchedListener& w, std::uint32_t /*index*/) {
  w.batch = w.ready_turn + 1 == turn_ ? std::min(w.batch * 2, options_.accept_batch_max) : 1;
  w.ready_turn = turn_;
  const Listener listener = w.listener;
  for (std::uint32_t i = 0; i < w.batch; ++i) {
    const int fd = deps_.io.Accept(listener.fd);
    if (fd < 0) {
      OnAcceptError(-fd);
      return;
    }
    accept_pause_ = 0;
    Admit(fd, listener);
  }
}

void Reactor::Admit(int fd, const Listener& listener) {
  if (detach_filter_) DetachFilter(fd);
  if (admission_ == Admission::kReset) return Reject(fd, RejectReason::kDraining);
  if (table_.size() >= options_.connections_max) return Reject(fd, RejectReason::kTableFull);
  const Token token = table_.Insert(fd);
  Connection& c = *table_.Find(token);
  if (const int error = poller_->Add(fd, token.Pack(), InterestOf(c), edge_); error != 0) {
    table_.Erase(token);
    return Reject(fd, error == ERANGE ? RejectReason::kFdLimitSelect : RejectReason::kPollerError);
  }
  c.opened_at = now_;
  c.arrived_at = now_;
  c.active_at_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
  c.address_index = listener.address_index;
  Counters& counters = deps_.counters;
  counters.connections_accepted.Add(1);
  counters.connections_active.Add(1);
  if (listener.slot != options_.id) counters.accepted_from_adopted.Add(1);
  if (deps_.log.Enabled(LogLevel::kDebug)) [[unlikely]] {
    deps_.log.Write(LogLevel::kDebug, absl::StrCat("reactor ", options_.id, " accepts ",
                                                   PeerName(fd), " as fd ", fd));
  }
}

void Reactor::Reject(int fd, RejectReason reason) {
  deps_.counters.connections_rejected[static_cast<std::size_t>(reason)].Add(1);
  deps_.io.Reset(fd);
}

void Reactor::OnAcceptError(int error) {
  auto count = [this](AcceptError kind) {
    deps_.counters.accept_errors[static_cast<std::size_t>(kind)].Add(1);
  };
  switch (error) {
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
      return;
    case EMFILE:
    case ENFILE:
      count(AcceptError::kFdLimit);
      return PauseAccepting();
    case ENOMEM:
    case ENOBUFS:
      count(AcceptError::kMemory);
      return PauseAccepting();
    default:
      // Of the connection, not of the listener (ECONNABORTED and what accept(2) lists): the next
      // one may be fine.
      count(AcceptError::kOther);
  }
}

// Clients wait in the kernel's queue meanwhile; connections that are open are not disturbed.
void Reactor::PauseAccepting() {
  accept_pause_ = accept_pause_ == 0
                      ? options_.accept_pause_min.count()
                      : std::min<Nanos>(accept_pause_ * 2, options_.accept_pause_max.count());
  resume_accepting_at_ = now_ + accept_pause_;
  if (accepting_paused_) return;
  accepting_paused_ = true;
  for (const WatchedListener& w : listeners_) {
    if (w.taken) poller_->Remove(w.listener.fd);
  }
  if (deps_.log.Enabled(LogLevel::kWarning)) {
    deps_.log.Write(
        LogLevel::kWarning,
        absl::StrCat("reactor ", options_.id, " pauses accepting: out of descriptors or memory"));
  }
}

void Reactor::ResumeAccepting() {
  resume_accepting_at_ = kNever;
  if (!accepting_paused_) return;
  accepting_paused_ = false;
  for (std::uint32_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].taken && !WatchListener(i)) {
      // The poller has no room: all of them wait once more.
      for (std::uint32_t j = 0; j < i; ++j) {
        if (listeners_[j].taken) poller_->Remove(listeners_[j].listener.fd);
      }
      accepting_paused_ = true;
      resume_accepting_at_ = now_ + options_.accept_pause_max.count();
      return;
    }
  }
}

bool Reactor::WatchListener(std::uint32_t index) {
  return poller_->Add(listeners_[index].listener.fd, Token{index, 0}.Pack(), EPOLLIN, false) == 0;
}

void Reactor::AddListener(const Listener& listener) {
  auto free = std::find_if(listeners_.begin(), listeners_.end(),
                           [](const WatchedListener& w) { return !w.taken; });
  if (free == listeners_.end()) free = listeners_.insert(listeners_.end(), WatchedListener{});
  *free = WatchedListener{.listener = listener, .taken = true};
  if (accepting_paused_) return;  // watched when accepting resumes
  if (WatchListener(static_cast<std::uint32_t>(free - listeners_.begin()))) return;
  // No room in the poller. Pausing takes all of them out and tries again later; this one is not in
  // yet, so it must not be taken out.
  free->taken = false;
  PauseAccepting();
  free->taken = true;
}

}  // namespace echogw
