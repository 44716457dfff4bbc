#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "reactor/net/socket.h"
#include "reactor/net/steering.h"
#include "reactor/reactor.h"
#include "reactor/reactor_internal.h"

namespace echogw {

// A listener is level-triggered: one accept a turn needs no second call that only says EAGAIN, and
// what is left is reported again. A connection is served sooner, and cheaper, the fewer are
// accepted with it; but in a turn that has much else to do the queue must not wait for one at a
// time.
void Reactor::OnListener(WatchedListener& w, std::uint32_t /*index*/) {
  const std::uint32_t most =
      std::clamp(turn_events_ / kEventsAnAccept, 1U, options_.accept_batch_max);
  const Listener listener = w.listener;
  std::uint32_t accepted = 0;
  for (; accepted < most; ++accepted) {
    if (limits_.accept_rate != 0 && !MayAccept()) [[unlikely]]
      break;
    const int fd = io_.Accept(listener.fd);
    if (fd < 0) {
      OnAcceptError(-fd);
      break;
    }
    accept_pause_ = 0;
    accept_token_at_ = kNever;
    Admit(fd, listener);
  }
  deps_.counters.accept_batch.Record(accepted);
}

void Reactor::Admit(int fd, const Listener& listener) {
  if (detach_filter_) DetachFilter(fd);
  if (admission_ == Admission::kReset) return Reject(fd, RejectReason::kDraining);
  if (table_.size() >= limits_.max_connections) return Reject(fd, RejectReason::kTableFull);
  ClientKey client;
  if (const auto refused = Refusal(fd, client)) return Reject(fd, *refused);
  const Token token = table_.Insert(fd);
  Connection& c = *table_.Find(token);
  if (const int error = poller_->Add(fd, token.Pack(), InterestOf(c), edge_); error != 0) {
    table_.Erase(token);
    if (limits_.counts()) deps_.limiter.Leave(client);
    return Reject(fd, error == ERANGE ? RejectReason::kFdLimitSelect : RejectReason::kPollerError);
  }
  c.address_index = listener.address_index;
  Counters& counters = deps_.counters;
  counters.connections_accepted.Add(1);
  c.id = (std::uint64_t{options_.id} << kIdSlotShift) + counters.connections_accepted.value();
  c.opened_at_cs = static_cast<std::uint32_t>(now_ / kNanosPerCenti);
  c.arrived_at_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
  c.active_at_ms = c.arrived_at_ms;
  counters.connections_active.Add(1);
  if (limits_.counts()) {
    ColdState& extra = ColdFor(token);
    extra.counted = true;
    extra.client = client;
  }
  Regulate(c, token);
  if (listener.slot != options_.id) counters.accepted_from_adopted.Add(1);
  if (!listener.service.plain()) [[unlikely]]
    BeginSession(c, token, listener.service);
  else if (deps_.events.watched()) [[unlikely]]
    Tell(c, token.index, true, CloseReason::kPeerClosed);
  if (deps_.log.Enabled(LogLevel::kDebug)) [[unlikely]] {
    deps_.log.Write(LogLevel::kDebug, absl::StrCat("reactor ", options_.id, " accepts ",
                                                   PeerOf(fd).ToString(), " as fd ", fd));
  }
  if (listener.shared) [[unlikely]]
    Deal(token);
}

void Reactor::Reject(int fd, RejectReason reason) {
  deps_.counters.connections_rejected[static_cast<std::size_t>(reason)].Add(1);
  io_.Reset(fd);
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
      return PauseAccepting(::strerrordesc_np(error));
    case ENOMEM:
    case ENOBUFS:
      count(AcceptError::kMemory);
      return PauseAccepting(::strerrordesc_np(error));
    case ECONNABORTED:
    case ECONNRESET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EPERM:
    case EPROTO:
    case ETIMEDOUT:
      // Of a connection, not of the listener (accept(2)): the next one may be fine.
      count(AcceptError::kOther);
      return;
    default:
      // Of the listener: it stays ready and fails again, so that going on would spin.
      count(AcceptError::kOther);
      PauseAccepting(::strerrordesc_np(error));
  }
}

// Clients wait in the kernel's queue meanwhile; connections that are open are not disturbed.
void Reactor::PauseAccepting(const char* why) {
  accept_pause_ = accept_pause_ == 0
                      ? options_.accept_pause_min.count()
                      : std::min<Nanos>(accept_pause_ * 2, options_.accept_pause_max.count());
  if (!LeaveListeners(now_ + accept_pause_)) return;
  // In a shortage every connection that closes leads here again.
  if (now_ < next_pause_log_at_ || !deps_.log.Enabled(LogLevel::kWarning)) return;
  next_pause_log_at_ = now_ + kPauseLogInterval;
  deps_.log.Write(LogLevel::kWarning,
                  absl::StrCat("reactor ", options_.id, " pauses accepting: ", why));
}

bool Reactor::LeaveListeners(Nanos until) {
  resume_accepting_at_ = until;
  if (accepting_paused_) return false;
  accepting_paused_ = true;
  for (WatchedListener& w : listeners_) {
    if (!w.listener.datagrams) UnwatchListener(w);
  }
  return true;
}

void Reactor::ResumeAccepting() {
  resume_accepting_at_ = kNever;
  if (!accepting_paused_) return;
  accepting_paused_ = false;
  for (std::uint32_t i = 0; i < listeners_.size(); ++i) {
    WatchedListener& w = listeners_[i];
    if (!w.taken || w.watched || WatchListener(i)) continue;
    // The poller has no room: all of them wait once more.
    for (WatchedListener& other : listeners_) {
      if (!other.listener.datagrams) UnwatchListener(other);
    }
    accepting_paused_ = true;
    resume_accepting_at_ = now_ + options_.accept_pause_max.count();
    return;
  }
}

bool Reactor::WatchListener(std::uint32_t index) {
  WatchedListener& w = listeners_[index];
  // Under a rate clients wait in the kernel's queue.
  const bool prefetch = !w.listener.datagrams && !w.listener.inherited && limits_.accept_rate == 0;
  const std::uint32_t interest = EPOLLIN | (prefetch ? kInterestPrefetch : 0U);
  w.watched = poller_->Add(w.listener.fd, Token{index, 0}.Pack(), interest, false) == 0;
  return w.watched;
}

void Reactor::UnwatchListener(WatchedListener& w) {
  if (!w.watched) return;
  w.watched = false;
  poller_->Remove(w.listener.fd);
  if (engine_ == nullptr) return;
  // What the engine accepted stays here, whoever gets the listener next.
  const Listener listener = w.listener;
  for (int fd; (fd = engine_->TakeAccepted(listener.fd)) >= 0;) Admit(fd, listener);
}

void Reactor::AddListener(const Listener& listener) {
  auto free = std::find_if(listeners_.begin(), listeners_.end(),
                           [](const WatchedListener& w) { return !w.taken; });
  if (free == listeners_.end()) free = listeners_.insert(listeners_.end(), WatchedListener{});
  *free = WatchedListener{.listener = listener, .taken = true};
  if (listener.datagrams) PrepareForDatagrams();
  // While accepting is paused, a listener is watched when it resumes.
  if (accepting_paused_ && !listener.datagrams) return;
  if (WatchListener(static_cast<std::uint32_t>(free - listeners_.begin()))) return;
  PauseAccepting("its poller has no room");
}

}  // namespace echogw
