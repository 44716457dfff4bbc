#include "reactor/acceptor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "reactor/base/check.h"
#include "reactor/net/socket.h"
#include "reactor/net/steering.h"

namespace echogw {
namespace {

// One more connection is accepted in a turn for this many events of it: with 256 events, 16.
constexpr std::uint32_t kEventsPerAccept = 16;
// The shortest wait for the accept rate, so that it does not wake up for each token.
constexpr Nanos kAcceptRatePause = 2 * kNanosPerMilli;
// At most one log line per interval about pauses.
constexpr Nanos kPauseLogInterval = kNanosPerSecond;
// Errors of accept() that concern one connection (accept(2)): the next one may succeed.
constexpr std::array kConnectionErrors = {ECONNABORTED, ECONNRESET,  EHOSTDOWN, EHOSTUNREACH,
                                          ENETDOWN,     ENETUNREACH, ENONET,    ENOPROTOOPT,
                                          EPERM,        EPROTO,      ETIMEDOUT};

}  // namespace

// ---- listeners ----

void Acceptor::Handle(const AdoptListeners& command) {
  ids_given_ = std::max(ids_given_, command.ids_given);
  for (const Listener& listener : command.listeners) Add(listener);
  host_.Answer({.id = command.id, .kind = ReportKind::kListenersAdopted});
}

void Acceptor::Handle(const HandOverListeners& command) {
  CHECK(!command.targets.empty());
  std::vector<std::vector<Listener>> given(command.targets.size());
  for (WatchedListener& w : watches_) {
    if (!w.taken || (command.slot && w.listener.slot != *command.slot)) continue;
    Unwatch(w);
    w.taken = false;
    given[w.listener.slot % given.size()].push_back(w.listener);
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i].empty()) continue;
    // The target reports it with id 0, which is ignored.
    if (command.targets[i]->Post(AdoptListeners{.id = 0, .listeners = given[i]})) continue;
    for (const Listener& listener : given[i]) Add(listener);  // its mailbox is full or closed
  }
  host_.Answer({.id = command.id, .kind = ReportKind::kListenersHandedOver});
}

void Acceptor::Handle(const SetAdmission& command) {
  admission_ = command;
  if (AwaitsToken()) next_at_ = context_.now;  // a reset needs no token
  host_.Answer({.id = command.id});
}

void Acceptor::SetLimits(const Limits& limits) {
  // Under a rate connections are not prefetched, which is decided when a listener is watched.
  const bool rated = (limits.accept_rate != 0) != (limits_.accept_rate != 0);
  const bool paused = rated && Pause(context_.now);
  limits_ = limits;
  if (paused) Resume();
  if (AwaitsToken()) next_at_ = context_.now;
  token_at_ = kNever;
}

std::uint64_t Acceptor::size() const {
  return static_cast<std::uint64_t>(std::count_if(
      watches_.begin(), watches_.end(), [](const WatchedListener& w) { return w.taken; }));
}

void Acceptor::Add(const Listener& listener) {
  auto free = std::find_if(watches_.begin(), watches_.end(),
                           [](const WatchedListener& w) { return !w.taken; });
  if (free == watches_.end()) free = watches_.insert(watches_.end(), WatchedListener{});
  *free = WatchedListener{.listener = listener, .taken = true};
  if (listener.datagrams && std::find(datagram_ports_.begin(), datagram_ports_.end(),
                                      listener.port) == datagram_ports_.end()) {
    datagram_ports_.push_back(listener.port);
  }
  // During a pause a listener is watched when it ends.
  if (paused_ && !listener.datagrams) return;
  if (Watch(static_cast<std::uint32_t>(free - watches_.begin()))) return;
  BackOff("its poller has no room");
}

bool Acceptor::Watch(std::uint32_t index) {
  WatchedListener& w = watches_[index];
  // Under a rate, and if the listener outlives the process, clients wait in the kernel's queue.
  const bool prefetch = !w.listener.datagrams && !w.listener.inherited && limits_.accept_rate == 0;
  const std::uint32_t interest = EPOLLIN | (prefetch ? kInterestPrefetch : 0U);
  w.watched = context_.poller->Add(w.listener.fd, Token{index, 0}.Pack(), interest, false) == 0;
  return w.watched;
}

void Acceptor::Unwatch(WatchedListener& w) {
  if (!w.watched) return;
  w.watched = false;
  context_.poller->Remove(w.listener.fd);
  if (context_.engine == nullptr) return;
  // What the engine accepted stays here when another reactor gets the listener.
  for (int fd; (fd = context_.engine->TakeAccepted(w.listener.fd)) >= 0;) Admit(fd, w.listener);
}

void Acceptor::UnwatchAll() {
  for (WatchedListener& w : watches_) Unwatch(w);
}

// ---- accepting ----

// A listener is level-triggered: one accept a turn needs no second call that only returns EAGAIN,
// and what is left is reported again. A connection is served sooner the fewer are accepted with it,
// but in a turn that has much else to do the queue must not wait for one accept at a time.
void Acceptor::Accept(const Listener& listener, std::uint32_t turn_events) {
  const std::uint32_t most =
      std::clamp(turn_events / kEventsPerAccept, 1U, context_.options.accept_batch_max);
  std::uint32_t accepted = 0;
  for (; accepted < most; ++accepted) {
    if (limits_.accept_rate != 0 && !MayAccept()) [[unlikely]]
      break;
    const int fd = context_.io.Accept(listener.fd);
    if (fd < 0) {
      OnError(-fd);
      break;
    }
    back_off_ = 0;
    token_at_ = kNever;
    Admit(fd, listener);
  }
  context_.deps.counters.accept_batch.Record(accepted);
}

void Acceptor::Admit(int fd, const Listener& listener) {
  if (admission_.detach_filter) DetachFilter(fd);
  ClientKey client;
  if (const auto refused = Refuse(fd, client)) return Reject(fd, *refused);
  const Token token = context_.table.Insert(fd);
  Connection& c = *context_.table.Find(token);
  if (listener.shared) {
    // Unix sockets: a read ends at passed descriptors and at urgent data, which such a connection
    // does not inherit the option for.
    c.reads_to_end = true;
    SetUrgentInline(fd);
  }
  if (const int error = context_.Watch(c, token); error != 0) {
    context_.table.Erase(token);
    if (limits_.counts()) context_.deps.limiter.Leave(client);
    return Reject(fd, error == ERANGE ? RejectReason::kFdLimitSelect : RejectReason::kPollerError);
  }
  const std::uint32_t id = context_.options.id;
  Counters& counters = context_.deps.counters;
  counters.connections_accepted.Add(1);
  counters.connections_active.Add(1);
  if (listener.slot != id) counters.accepted_from_adopted.Add(1);
  c.address_index = listener.address_index;
  c.id = (std::uint64_t{id} << kIdSlotShift) + ids_given_ + counters.connections_accepted.value();
  c.opened_at_cs = context_.now_cs();
  c.arrived_at_ms = context_.now_ms();
  c.active_at_ms = c.arrived_at_ms;
  if (limits_.counts()) {
    ColdState& cold = context_.table.EnsureCold(token);
    cold.counted = true;
    cold.client = client;
  }
  if (context_.deps.log.Enabled(LogLevel::kDebug)) [[unlikely]]
    context_.Log(LogLevel::kDebug, "accepts ", PeerOf(fd).ToString(), " as fd ", fd);
  host_.OnAccepted(c, token, listener);
}

// Unless it is refused, the connection is counted as one of `client` if a limit needs it.
std::optional<RejectReason> Acceptor::Refuse(int fd, ClientKey& client) {
  if (admission_.admission == Admission::kReset) return RejectReason::kDraining;
  if (context_.table.size() >= limits_.max_connections) return RejectReason::kTableFull;
  if (limits_.accept_rate != 0 && limits_.accept_excess == AcceptExcess::kReset &&
      !context_.deps.limiter.TryAccept(context_.now, limits_)) {
    return RejectReason::kAcceptRate;
  }
  if (!limits_.counts()) return std::nullopt;
  client = ClientKeyOf(PeerOf(fd));
  return context_.deps.limiter.Enter(client, limits_);
}

void Acceptor::Reject(int fd, RejectReason reason) {
  context_.deps.counters.connections_rejected[static_cast<std::size_t>(reason)].Add(1);
  context_.io.Reset(fd);
}

// False: the accept rate is used up, and clients wait in the kernel's queue.
bool Acceptor::MayAccept() {
  // Connections that are refused in any case need not wait for it.
  if (limits_.accept_excess == AcceptExcess::kReset || admission_.admission == Admission::kReset) {
    return true;
  }
  const Nanos now = context_.now;
  if (token_at_ == kNever) token_at_ = context_.deps.limiter.ReserveAccept(now, limits_);
  if (!AwaitsToken()) return true;
  context_.deps.counters.accept_rate_waits.Add(1);
  Pause(std::max(token_at_, now + kAcceptRatePause));
  return false;
}

void Acceptor::OnError(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return;
  AcceptError kind = AcceptError::kOther;
  if (error == EMFILE || error == ENFILE) kind = AcceptError::kFdLimit;
  if (error == ENOMEM || error == ENOBUFS) kind = AcceptError::kMemory;
  context_.deps.counters.accept_errors[static_cast<std::size_t>(kind)].Add(1);
  // Otherwise the listener stays ready and fails again: to go on would spin.
  if (std::ranges::count(kConnectionErrors, error) == 0) BackOff(::strerrordesc_np(error));
}

// ---- pauses: clients wait in the kernel's queue, open connections are served as always ----

void Acceptor::BackOff(const char* why) {
  const ReactorOptions& options = context_.options;
  back_off_ = back_off_ == 0 ? options.accept_pause_min.count()
                             : std::min<Nanos>(back_off_ * 2, options.accept_pause_max.count());
  if (!Pause(context_.now + back_off_)) return;
  // In a shortage every connection that closes leads here again.
  if (context_.now < next_log_at_ || !context_.deps.log.Enabled(LogLevel::kWarning)) return;
  next_log_at_ = context_.now + kPauseLogInterval;
  context_.Log(LogLevel::kWarning, "pauses accepting: ", why);
}

bool Acceptor::Pause(Nanos until) {
  next_at_ = until;
  if (paused_) return false;
  paused_ = true;
  for (WatchedListener& w : watches_) {
    if (!w.listener.datagrams) Unwatch(w);
  }
  return true;
}

void Acceptor::Resume() {
  next_at_ = kNever;
  if (!paused_) return;
  paused_ = false;
  for (std::uint32_t i = 0; i < watches_.size(); ++i) {
    const WatchedListener& w = watches_[i];
    if (!w.taken || w.watched || Watch(i)) continue;
    // The poller has no room: all of them wait.
    Pause(context_.now + context_.options.accept_pause_max.count());
    return;
  }
}

}  // namespace echogw
