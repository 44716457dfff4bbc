#include "reactor/reactor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "reactor/reactor_internal.h"

namespace echogw {

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::Create(const ReactorOptions& options,
                                                         const ReactorDeps& deps) {
  auto poller =
      Poller::Create(options.poller, {deps.io, deps.counters, options.buffer_bytes, deps.budget});
  if (!poller.ok()) return poller.status();
  if (const int error = (*poller)->Add(deps.mailbox.event_fd(), kMailToken, EPOLLIN, false);
      error != 0) {
    return absl::ErrnoToStatus(
        error, absl::StrCat("reactor ", options.id, ": cannot watch fd ", deps.mailbox.event_fd()));
  }
  return std::unique_ptr<Reactor>(new Reactor(options, deps, std::move(*poller)));
}

Reactor::Reactor(const ReactorOptions& options, const ReactorDeps& deps,
                 std::unique_ptr<Poller> poller)
    : options_(options),
      deps_(deps),
      poller_(std::move(poller)),
      edge_(poller_->edge_triggered()),
      engine_(poller_->engine()),
      io_(engine_ != nullptr ? *engine_ : deps.io),
      scratch_(options.buffer_bytes),
      echo_{io_, pool_, deps.counters, scratch_, options.turn_bytes, options.transform},
      events_(options.events_max),
      spin_(options.spin.count()),
      time_(deps.counters, deps.clock, engine_ != nullptr) {}

Reactor::~Reactor() = default;

void Reactor::Enter() {
  loop_.Bind();
  loop_.Assert();
  now_ = deps_.clock.Now();
  time_.Begin(now_);
  TakeLimits(options_.limits);
}

void Reactor::Run() {
  Enter();
  while (Turn(kNever)) {
  }
}

bool Reactor::Turn(Nanos wait_max) {
  loop_.Assert();
  if (stopped_) return false;
  const std::size_t n = Wait(wait_max);
  const Nanos woke_at = now_;
  ++turn_;
  turn_events_ = static_cast<std::uint32_t>(n);
  Counters& counters = deps_.counters;
  counters.wakeups.Add(1);
  counters.ready_events.Add(n);

  counters.wakeup_events.Record(n);
  // Of many events one is timed, another one every turn; a single one by the end of the turn.
  const std::size_t timed = n > 1 ? turn_ % n : n;
  for (std::size_t i = 0; i < n; ++i) {
    Dispatch(events_[i]);
    if (i == timed && IsConnection(events_[i])) {
      counters.echo_ns.Record(static_cast<std::uint64_t>(deps_.clock.Now() - woke_at));
    }
  }
  if (now_ >= next_timer_at_) [[unlikely]]
    RunTimers();
  if (!queue_.empty()) RunQueue();
  if (mail_) ReadMail();
  if (move_job_) RunMoveJob();
  if (close_job_) RunCloseJob();
  if (now_ >= resume_accepting_at_) ResumeAccepting();
  if (now_ >= retry_unwatched_at_) RetryUnwatched();
  if (now_ >= next_handshake_at_) EndHandshakes();
  if (stopped_) CloseAll();

  now_ = deps_.clock.Now();
  CountTurn(woke_at, now_);
  if (n == 1 && IsConnection(events_[0])) {
    counters.echo_ns.Record(static_cast<std::uint64_t>(now_ - woke_at));
  }
  return !stopped_;
}

std::size_t Reactor::Wait(Nanos wait_max) {
  const Nanos began = now_;
  const Nanos timeout = WaitTime(wait_max);
  SpinningWait::Result result;
  if (!spin_.enabled()) [[likely]] {
    result.events = poller_->Wait(events_, timeout);
  } else {
    result = spin_.Wait(*poller_, deps_.clock, events_, began, timeout);
  }
  now_ = deps_.clock.Now();
  time_.Waited(now_ - began, result.spun, now_);
  return result.events;
}

Nanos Reactor::WaitTime(Nanos wait_max) const {
  if (!queue_.empty()) return 0;
  Nanos until = std::min(std::min(resume_accepting_at_, retry_unwatched_at_),
                         std::min(next_timer_at_, next_handshake_at_));
  if (move_job_) until = std::min(until, move_job_->next_slice_at);
  if (close_job_) until = std::min(until, close_job_->next_at);
  if (until == kNever) return wait_max;
  return std::min(wait_max, std::max<Nanos>(until - now_, 0));
}

void Reactor::CountTurn(Nanos begun, Nanos ended) {
  const auto busy = static_cast<std::uint64_t>(ended - begun);
  Counters& counters = deps_.counters;
  time_.Handled(ended - begun);
  counters.turn_ns.Record(busy);
  if (busy > counters.loop_longest_ns.value()) [[unlikely]]
    counters.loop_longest_ns.Set(busy);
  if (ended - begun <= options_.stall_threshold.count()) [[likely]]
    return;
  counters.loop_stalls.Add(1);
  if (deps_.log.Enabled(LogLevel::kWarning)) {
    deps_.log.Write(LogLevel::kWarning,
                    absl::StrCat("reactor ", options_.id, " stalled: one turn of its loop took ",
                                 busy / 1'000'000, " ms"));
  }
}

void Reactor::Dispatch(const epoll_event& event) {
  const Token token = Token::Unpack(event.data.u64);
  if (token.generation != 0) [[likely]] {
    Connection* c = table_.Find(token);
    if (c == nullptr) return;  // stale: closed earlier in this batch
    OnConnection(*c, token, event.events);
    return;
  }
  if (event.data.u64 == kMailToken) {
    mail_ = true;
    return;
  }
  WatchedListener& w = listeners_[token.index];
  if (!w.watched) return;
  if (w.listener.datagrams) return OnDatagrams(w);
  OnListener(w, token.index);
}

void Reactor::OnConnection(Connection& c, Token token, std::uint32_t events) {
  // A short read does not mean that nothing is left: the end follows, or bytes behind urgent data.
  constexpr std::uint32_t kMoreFollows = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
  if ((events & kEventPrefetched) != 0) [[unlikely]]
    HoldPrefetched(c, *engine_, echo_);
  const bool blocked = c.has_pending();
  // While the client takes nothing, nothing is read: what arrives waits in the kernel.
  if (blocked && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) return;
  c.active_at_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
  if (c.fin_sent) [[unlikely]] {
    Settle(c, token, DiscardTurn(c, echo_));
    return;
  }
  // Edges that came while it was blocked are used up: read until the kernel has no more.
  Settle(c, token, TurnOf(c, token, blocked || (events & kMoreFollows) != 0, events));
}

EchoResult Reactor::TurnOf(Connection& c, Token token, bool to_the_end, std::uint32_t events) {
  if (c.has_cold) [[unlikely]]
    return LimitedTurn(c, token, to_the_end, events);
  return EchoTurn(c, to_the_end, echo_);
}

void Reactor::Settle(Connection& c, Token token, EchoResult result) {
  switch (result.outcome) {
    case EchoOutcome::kIdle:
      if (c.closing && !c.fin_sent) [[unlikely]] {
        if (engine_ == nullptr || engine_->Flush(c.fd)) {
          io_.ShutdownWrite(c.fd);
          c.fin_sent = true;
        }
        Enqueue(c, token);  // its own FIN may have come already
      }
      if (!edge_) WatchFor(c, token, true, false);
      return;
    case EchoOutcome::kBlocked:
      WatchFor(c, token, edge_, true);
      return;
    case EchoOutcome::kStalled:
      WatchFor(c, token, true, true);
      return;
    case EchoOutcome::kMore:
      Enqueue(c, token);
      return;
    case EchoOutcome::kPaused:
      if (!edge_) WatchFor(c, token, false, false);
      return;
    case EchoOutcome::kClose:
      CloseConnection(c, token, result.reason);
      return;
  }
}

void Reactor::WatchFor(Connection& c, Token token, bool read, bool write) {
  if (c.watch_read == read && c.watch_write == write) return;
  c.watch_read = read;
  c.watch_write = write;
  if (c.unwatched) return;  // watched for this as soon as the poller has room
  const std::uint32_t interest = InterestOf(c);
  const int error = poller_->SetInterest(c.fd, token.Pack(), interest, edge_);
  CHECK(error == 0);  // a change of a watched descriptor needs no memory
}

void Reactor::Enqueue(Connection& c, Token token) {
  if (c.queued) return;
  c.queued = true;
  queue_.push_back(token.Pack());
}

void Reactor::RunQueue() {
  queue_turn_.swap(queue_);
  for (const std::uint64_t packed : queue_turn_) {
    const Token token = Token::Unpack(packed);
    Connection* c = table_.Find(token);
    if (c == nullptr) continue;
    c->queued = false;
    // No event need lead to its turns: what it has to do may be to send.
    c->active_at_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
    Settle(*c, token, c->fin_sent ? DiscardTurn(*c, echo_) : TurnOf(*c, token, true, 0));
  }
  queue_turn_.clear();
}

void Reactor::CloseConnection(Connection& c, Token token, CloseReason reason, bool reset) {
  if (c.has_cold) reason = EndLimits(c, token.index, reason);
  timers_.Cancel(token.index);
  if (deps_.log.Enabled(LogLevel::kDebug)) [[unlikely]] {
    deps_.log.Write(
        LogLevel::kDebug,
        absl::StrCat("reactor ", options_.id, " closes fd ", c.fd, ": ", CloseReasonName(reason),
                     ", received ", c.received_bytes, " bytes, sent ", c.sent_bytes));
  }
  if (deps_.events.watched()) [[unlikely]] {
    if (c.has_cold) TellOpened(c, token.index);
    Tell(c, token.index, false, reason);
  }
  DropPending(c, echo_);
  if (!c.unwatched) poller_->Closing(c.fd);
  if (reset || reason == CloseReason::kDrainForced || reason == CloseReason::kAdminReset) {
    io_.Reset(c.fd);
  } else {
    io_.Close(c.fd);
  }
  deps_.counters.lifetime_ms.Record(
      std::uint64_t{Elapsed(static_cast<std::uint32_t>(now_ / kNanosPerCenti), c.opened_at_cs)} *
      10);
  table_.Erase(token);
  deps_.counters.connections_closed[static_cast<std::size_t>(reason)].Add(1);
  deps_.counters.connections_active.Subtract(1);
  // There is a descriptor again.
  if (accepting_paused_ && !AwaitsAcceptToken()) resume_accepting_at_ = now_;
}

void Reactor::RetryUnwatched() {
  std::vector<std::uint64_t> again;
  again.swap(unwatched_);
  retry_unwatched_at_ = kNever;
  for (const std::uint64_t packed : again) {
    Connection* c = table_.Find(Token::Unpack(packed));
    if (c == nullptr) continue;
    if (poller_->Add(c->fd, packed, InterestOf(*c), edge_) == 0) {
      c->unwatched = false;
      continue;
    }
    unwatched_.push_back(packed);
    retry_unwatched_at_ = now_ + kRetryPause;
  }
}

void Reactor::CloseAll() {
  for (WatchedListener& w : listeners_) UnwatchListener(w);
  for (std::uint32_t i = 0; i < table_.capacity(); ++i) {
    Connection* c = table_.InSlot(i);
    if (c == nullptr) continue;
    CloseConnection(*c, {i, c->generation}, CloseReason::kDrainForced);
  }
  // An engine closes in its wait.
  (void)poller_->Wait(events_, 0);
  // Connections that were on their way here count as arrived, and end here.
  for (Command& command : deps_.mailbox.Close()) {
    if (auto* limits = std::get_if<SetLimits>(&command)) limits->reply->Push({.id = limits->id});
    auto* adopt = std::get_if<AdoptConnections>(&command);
    if (adopt == nullptr) continue;
    for (MovedConnection& moved : adopt->connections) {
      const auto extra = moved.TakeCold();
      if (extra != nullptr && extra->counted) deps_.limiter.Leave(extra->client);
    }
    const std::size_t n = adopt->connections.size();
    deps_.counters.connections_moved_in.Add(n);
    deps_.counters.connections_closed[static_cast<std::size_t>(CloseReason::kDrainForced)].Add(n);
  }
}

}  // namespace echogw
