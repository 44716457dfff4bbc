#include "reactor/reactor.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "reactor/services/discard.h"

namespace echogw {
namespace {

// Tokens of generation 0 are not connections: the mailbox, or the index of a listener.
constexpr std::uint64_t kMailToken = UINT32_MAX;

// How often the work of a turn is looked at.
constexpr std::size_t kEventsPerLook = 4;

// The reply to a question that came too late: nothing is here any more, nobody waits for its
// answer.
struct AnswerWithNothing {
  template <typename C>
  void operator()(const C& command) const {
    if constexpr (requires { command.reply; }) command.reply->Push({.id = command.id});
  }
};

// Whether an event belongs to a connection, which may be gone.
bool IsConnection(const epoll_event& event) {
  return Token::Unpack(event.data.u64).generation != 0;
}

}  // namespace

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
    : context_(options, deps, std::move(poller)),
      events_(options.events_max),
      spin_(options.spin.count()),
      time_(deps.counters, deps.clock, context_.engine != nullptr),
      queue_(context_),
      lister_(context_),
      sessions_(context_, *this, lister_),
      limits_(context_, *this, sessions_),
      mover_(context_, *this, limits_),
      closer_(context_, *this, lister_, limits_),
      acceptor_(context_, *this) {}

Reactor::~Reactor() = default;

// ---- the loop ----

void Reactor::Enter() {
  loop_.Bind();
  loop_.Assert();
  context_.now = context_.deps.clock.Now();
  time_.Begin(context_.now);
  acceptor_.SetLimits(context_.options.limits);
  limits_.SetLimits(context_.options.limits);
}

void Reactor::Run() {
  Enter();
  while (Turn(kNever)) {
  }
  loop_.Assert();
  time_.End();
}

bool Reactor::Turn(Nanos wait_max) {
  loop_.Assert();
  if (stopped_) return false;
  const std::size_t n = Wait(wait_max);
  const Nanos woke_at = context_.now;
  ++turn_;
  turn_events_ = static_cast<std::uint32_t>(n);
  Counters& counters = context_.deps.counters;
  counters.wakeups.Add(1);
  counters.ready_events.Add(n);

  counters.wakeup_events.Record(n);
  queue_.BeginTurn();
  bool waits = queue_.behind();
  // Of several events one is timed, each turn another; a single one by the end of the turn.
  const std::size_t timed = n > 1 ? turn_ % n : n;
  for (std::size_t i = 0; i < n; ++i) {
    if (waits) [[unlikely]] {
      Defer(events_[i]);
    } else {
      Dispatch(events_[i]);
      if (i % kEventsPerLook == kEventsPerLook - 1) waits = queue_.IsSpent();
    }
    if (i == timed && IsConnection(events_[i])) {
      counters.echo_ns.Record(static_cast<std::uint64_t>(context_.deps.clock.Now() - woke_at));
    }
  }
  if (woke_at >= limits_.next_at()) [[unlikely]]
    limits_.RunTimers();
  if (!queue_.empty()) RunQueue();
  if (mail_) ReadMail();
  if (woke_at >= mover_.next_at()) mover_.Run();
  if (closer_.active()) closer_.Run();
  if (woke_at >= acceptor_.next_at()) acceptor_.Resume();
  if (stopped_) CloseAll();

  context_.now = context_.deps.clock.Now();
  CountTurn(woke_at, context_.now);
  if (n == 1 && IsConnection(events_[0])) {
    counters.echo_ns.Record(static_cast<std::uint64_t>(context_.now - woke_at));
  }
  return !stopped_;
}

std::size_t Reactor::Wait(Nanos wait_max) {
  const Nanos began = context_.now;
  const Nanos timeout = WaitTime(wait_max);
  SpinningWait::Result result;
  if (!spin_.enabled()) [[likely]] {
    result.events = context_.poller->Wait(events_, timeout);
  } else {
    result = spin_.Wait(*context_.poller, context_.deps.clock, events_, began, timeout);
  }
  context_.now = context_.deps.clock.Now();
  time_.Waited(context_.now - began, result.spun, context_.now);
  return result.events;
}

Nanos Reactor::WaitTime(Nanos wait_max) const {
  if (!queue_.empty()) return 0;
  const Nanos until = std::min(std::min(limits_.next_at(), acceptor_.next_at()),
                               std::min(mover_.next_at(), closer_.next_at()));
  if (until == kNever) return wait_max;
  return std::min(wait_max, std::max<Nanos>(until - context_.now, 0));
}

void Reactor::CountTurn(Nanos begun, Nanos ended) {
  const auto busy = static_cast<std::uint64_t>(ended - begun);
  Counters& counters = context_.deps.counters;
  time_.Handled(ended - begun, ended);
  counters.turn_ns.Record(busy);
  if (busy > counters.loop_longest_ns.value()) [[unlikely]]
    counters.loop_longest_ns.Set(busy);
  if (ended - begun <= context_.options.stall_threshold.count()) [[likely]]
    return;
  counters.loop_stalls.Add(1);
  context_.Log(LogLevel::kWarning, "stalled: one turn of its loop took ", busy / 1'000'000, " ms");
}

void Reactor::Dispatch(const epoll_event& event) {
  const Token token = Token::Unpack(event.data.u64);
  if (token.generation != 0) [[likely]] {
    Connection* c = context_.table.Find(token);
    if (c == nullptr) return;  // stale: closed earlier in this batch
    OnConnection(*c, token, event.events);
    return;
  }
  if (event.data.u64 == kMailToken) {
    mail_ = true;
    return;
  }
  const Listener* listener = acceptor_.Find(token.index);
  if (listener == nullptr) return;
  if (listener->datagrams) return OnDatagrams(*listener);
  acceptor_.Accept(*listener, turn_events_);
}

// The connection takes its place in the queue, where it reads to the end whatever the event was.
void Reactor::Defer(const epoll_event& event) {
  if (!IsConnection(event)) return Dispatch(event);
  const Token token = Token::Unpack(event.data.u64);
  Connection* c = context_.table.Find(token);
  if (c != nullptr && IsUseful(*c, event.events)) Enqueue(*c, token);
}

// A UDP socket is level-triggered: what one batch leaves is reported again in the next turn, after
// connections have had theirs.
void Reactor::OnDatagrams(const Listener& listener) {
  const ReactorOptions& options = context_.options;
  if (udp_ == nullptr) {
    udp_ = std::make_unique<UdpEcho>(UdpEchoOptions{.batch_max = options.datagram_batch_max,
                                                    .turn_bytes = options.turn_bytes,
                                                    .transform = options.transform},
                                     datagram_io_, context_.deps.counters.udp);
  }
  udp_->Turn(listener.fd, !acceptor_.drops_datagrams(), acceptor_.datagram_ports());
}

// ---- connections ----

bool Reactor::IsUseful(Connection& c, std::uint32_t events) {
  if ((events & kEventPrefetched) != 0) [[unlikely]]
    HoldPrefetched(c, *context_.engine, context_.echo);
  // While the client takes nothing, nothing is read: input waits in the kernel.
  return !c.has_pending() || (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
}

void Reactor::OnConnection(Connection& c, Token token, std::uint32_t events) {
  // After a short read more may follow: the end, or bytes behind urgent data.
  constexpr std::uint32_t kMoreFollows = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
  if (!IsUseful(c, events)) return;
  const bool blocked = c.has_pending();
  c.active_at_ms = context_.now_ms();
  if (c.fin_sent) [[unlikely]] {
    Settle(c, token, DiscardTurn(c, context_.echo));
    return;
  }
  // Edges that came while it was blocked are used up: read until the kernel has no more.
  const bool to_the_end = blocked || c.reads_to_end || (events & kMoreFollows) != 0;
  Settle(c, token, TurnOf(c, token, to_the_end, events));
}

EchoResult Reactor::TurnOf(Connection& c, Token token, bool to_the_end, std::uint32_t events) {
  if (c.has_cold) [[unlikely]]
    return limits_.LimitedTurn(c, token, to_the_end, events);
  return EchoTurn(c, to_the_end, context_.echo);
}

void Reactor::Settle(Connection& c, Token token, EchoResult result) {
  switch (result.outcome) {
    case EchoOutcome::kIdle:
      if (c.closing && !c.fin_sent) [[unlikely]] {
        if (context_.engine == nullptr || context_.engine->Flush(c.fd)) {
          context_.io.ShutdownWrite(c.fd);
          c.fin_sent = true;
        }
        Enqueue(c, token);  // the client's FIN may have come already
      }
      if (!context_.edge) WatchFor(c, token, true, false);
      return;
    case EchoOutcome::kBlocked:
      WatchFor(c, token, context_.edge, true);
      return;
    case EchoOutcome::kStalled:
      WatchFor(c, token, true, true);
      return;
    case EchoOutcome::kMore:
      Enqueue(c, token);
      return;
    case EchoOutcome::kPaused:
      if (!context_.edge) WatchFor(c, token, false, false);
      return;
    case EchoOutcome::kClose:
      Close(c, token, result.reason, false);
      return;
  }
}

void Reactor::WatchFor(Connection& c, Token token, bool read, bool write) {
  if (c.watch_read == read && c.watch_write == write) return;
  c.watch_read = read;
  c.watch_write = write;
  if (c.unwatched) return;  // watched for this as soon as the poller has room
  const int error =
      context_.poller->SetInterest(c.fd, token.Pack(), LoopContext::InterestOf(c), context_.edge);
  CHECK(error == 0);  // changing the interest in a watched descriptor needs no memory
}

void Reactor::Enqueue(Connection& c, Token token) { queue_.Push(c, token); }

void Reactor::RunQueue() {
  queue_.RunSome([this](Connection& c, Token token) {
    loop_.Assert();
    // A connection may only have to send, so that no event leads to its turns.
    c.active_at_ms = context_.now_ms();
    RunTurn(c, token);
  });
}

void Reactor::RunTurn(Connection& c, Token token) {
  Settle(c, token, c.fin_sent ? DiscardTurn(c, context_.echo) : TurnOf(c, token, true, 0));
}

void Reactor::OnAccepted(Connection& c, Token token, const Listener& listener) {
  if (listener.service.plain()) [[likely]] {
    lister_.TellOpened(c, token.index);
  } else if (!sessions_.Begin(c, token, listener.service)) {
    return;
  }
  OnArrived(c, token);
  if (!listener.shared) [[likely]]
    return;
  Mailbox* target = round_robin_.Next();
  if (target != nullptr && target != &context_.deps.mailbox) mover_.Move(c, token, *target);
}

void Reactor::OnArrived(Connection& c, Token token) {
  limits_.Apply(c, token);
  closer_.OnArrived(token);
}

void Reactor::BeginClose(Connection& c, Token token) {
  if (c.closing) return;
  c.closing = true;
  if (context_.engine != nullptr) context_.engine->CatchUp(c.fd);
  if (!c.has_pending()) RunTurn(c, token);
}

void Reactor::Close(Connection& c, Token token, CloseReason reason, bool reset) {
  reason = limits_.OnClose(c, token.index, reason);
  context_.Log(LogLevel::kDebug, "closes fd ", c.fd, ": ",
               kCloseReasonNames[static_cast<std::size_t>(reason)], ", received ", c.received_bytes,
               " bytes, sent ", c.sent_bytes);
  lister_.TellClosed(c, token.index, reason);
  DropPending(c, context_.echo);
  if (!c.unwatched) context_.poller->Closing(c.fd);
  if (reset || reason == CloseReason::kDrainForced || reason == CloseReason::kAdminReset) {
    context_.io.Reset(c.fd);
  } else {
    context_.io.Close(c.fd);
  }
  Counters& counters = context_.deps.counters;
  counters.lifetime_ms.Record(static_cast<std::uint64_t>(context_.AgeOf(c) / kNanosPerMilli));
  context_.table.Erase(token);
  counters.connections_closed[static_cast<std::size_t>(reason)].Add(1);
  counters.connections_active.Subtract(1);
  acceptor_.OnClosed();
}

// ---- commands ----

void Reactor::ReadMail() {
  mail_ = false;
  for (Command& command : context_.deps.mailbox.Take()) {
    std::visit(
        [this](auto& c) {
          loop_.Assert();
          Handle(c);
        },
        command);
  }
}

// Each command goes to the part that has a Handle for it.
template <typename C>
void Reactor::Handle(C& command) {
  if constexpr (std::is_same_v<C, Stop>) {
    stopped_ = true;
  } else if constexpr (std::is_same_v<C, SetLimits>) {
    acceptor_.SetLimits(command.limits);
    limits_.Handle(command);
  } else if constexpr (std::is_same_v<C, AssignConnections>) {
    round_robin_.Set(command);
    Answer({.id = command.id});
  } else if constexpr (requires { acceptor_.Handle(command); }) {
    acceptor_.Handle(command);
  } else if constexpr (requires { mover_.Handle(command); }) {
    mover_.Handle(command);
  } else if constexpr (requires { closer_.Handle(command); }) {
    closer_.Handle(command);
  } else {
    lister_.Handle(command);
  }
}

void Reactor::Answer(Report report) {
  report.slot = context_.options.id;
  report.connections_left = context_.table.size();
  report.listeners_left = acceptor_.size();
  context_.deps.reports.Push(report);
}

void Reactor::CloseAll() {
  acceptor_.UnwatchAll();
  closer_.ResetAll();
  limits_.AnswerAll();
  // An engine closes in its wait.
  (void)context_.poller->Wait(events_, 0);
  // Connections in transit count as arrived, and end here.
  for (Command& command : context_.deps.mailbox.Close()) {
    std::visit(AnswerWithNothing{}, command);
    auto* adopt = std::get_if<AdoptConnections>(&command);
    if (adopt == nullptr) continue;
    for (MovedConnection& moved : adopt->connections) {
      const auto cold = moved.TakeCold();
      if (cold != nullptr && cold->counted) context_.deps.limiter.Leave(cold->client);
    }
    const std::size_t n = adopt->connections.size();
    Counters& counters = context_.deps.counters;
    counters.connections_moved_in.Add(n);
    counters.connections_closed[static_cast<std::size_t>(CloseReason::kDrainForced)].Add(n);
  }
}

}  // namespace echogw
