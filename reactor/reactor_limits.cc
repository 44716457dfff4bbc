// The limits in force: who may come, what a connection may be read of, and when it is closed.

#include <algorithm>
#include <memory>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/reactor.h"
#include "reactor/reactor_internal.h"

namespace echogw {
namespace {

// A connection that has used up its rate goes on when half of the bucket is there again: that is
// eight times a second, and no read is small because of a bucket that is almost empty.
TokenRate ByteTokens(const Limits& limits) {
  return {.per_second = limits.rate, .size = std::max<std::uint64_t>(limits.rate / 4, 1)};
}

}  // namespace

void Reactor::Do(SetLimits& command) {
  TakeLimits(command.limits);
  command.reply->Push({.id = command.id});
}

void Reactor::TakeLimits(const Limits& limits) {
  const bool other_rate = limits.rate != limits_.rate;
  const bool rated = (limits.accept_rate != 0) != (limits_.accept_rate != 0);
  const bool anew = rated && LeaveListeners(now_);
  limits_ = limits;
  if (anew) ResumeAccepting();
  const std::size_t most = limits.output_buffer != 0 ? limits.output_buffer : scratch_.size();
  echo_.scratch = std::span(scratch_).first(std::min(most, scratch_.size()));
  if (AwaitsAcceptToken()) resume_accepting_at_ = now_;
  accept_token_at_ = kNever;
  timers_.Clear();
  next_timer_at_ = kNever;
  for (std::uint32_t i = 0; i < table_.capacity(); ++i) {
    Connection* c = table_.InSlot(i);
    if (c == nullptr) continue;
    const Token token{i, c->generation};
    if (c->has_cold) {
      // A bucket keeps the time when it is full: far away, after too much at the old rate.
      if (other_rate) table_.ColdOf(i)->bucket = TokenBucket{};
      Resume(*c, token);
    }
    Regulate(*c, token);
  }
}

ColdState& Reactor::ColdFor(Token token) {
  ColdState* extra = table_.ColdOf(token.index);
  return extra != nullptr ? *extra : table_.SetCold(token, std::make_unique<ColdState>());
}

void Reactor::Regulate(Connection& c, Token token) {
  if (limits_.counts()) {
    ColdState& extra = ColdFor(token);
    if (!std::exchange(extra.counted, true)) {
      extra.client = ClientKeyOf(PeerOf(c.fd));
      deps_.limiter.Add(extra.client);
    }
  } else if (c.has_cold) {
    ColdState& extra = ColdFor(token);
    if (std::exchange(extra.counted, false)) deps_.limiter.Leave(extra.client);
  }
  if (limits_.rate != 0) (void)ColdFor(token);
  if (limits_.times() || c.has_cold) Arm(c, token.index);
}

// ---- new connections ----

// Counts the connection as one of `client` if there is a limit, unless that is the reason to refuse
// it.
std::optional<RejectReason> Reactor::Refusal(int fd, ClientKey& client) {
  if (limits_.accept_rate != 0 && limits_.accept_excess == AcceptExcess::kReset &&
      !deps_.limiter.TryAccept(now_, limits_)) {
    return RejectReason::kAcceptRate;
  }
  if (!limits_.counts()) return std::nullopt;
  client = ClientKeyOf(PeerOf(fd));
  return deps_.limiter.Enter(client, limits_);
}

bool Reactor::AwaitsAcceptToken() const {
  return accept_token_at_ != kNever && accept_token_at_ > now_;
}

// False: accepting waits for its rate, and so do clients, in the kernel's queue.
bool Reactor::MayAccept() {
  // Those that are refused anyway need not wait for it.
  if (limits_.accept_excess == AcceptExcess::kReset || admission_ == Admission::kReset) return true;
  if (accept_token_at_ == kNever) accept_token_at_ = deps_.limiter.ReserveAccept(now_, limits_);
  if (!AwaitsAcceptToken()) return true;
  deps_.counters.accept_rate_waits.Add(1);
  LeaveListeners(std::max(accept_token_at_, now_ + kAcceptRatePause));
  return false;
}

// ---- the rate of a connection ----

EchoResult Reactor::LimitedTurn(Connection& c, Token token, bool to_the_end, std::uint32_t events) {
  ColdState& extra = *table_.ColdOf(token.index);
  const auto turn = [&](const EchoContext& context) {
    loop_.Assert();
    return extra.session != nullptr ? SessionTurn(c, token, *extra.session, context)
                                    : EchoTurn(c, to_the_end, context);
  };
  // One that is being closed shall come to its end, however much it has sent.
  if (limits_.rate == 0 || c.closing) return turn(echo_);
  // What comes while it is paused waits in the kernel, but for its end.
  const bool ended = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (extra.paused_until != 0 && !ended) return {EchoOutcome::kPaused, {}};
  const TokenRate rate = ByteTokens(limits_);
  // Something is always read: what is too much is missing later, and the kernel says if it is over.
  const std::size_t may = std::max<std::uint64_t>(extra.bucket.Available(now_, rate), 1);
  EchoContext context = echo_;
  context.scratch = context.scratch.first(std::min(may, context.scratch.size()));
  context.turn_bytes = std::min(may, context.turn_bytes);
  // What is made here, as by chargen, is no answer to what came.
  const bool makes = extra.session != nullptr && extra.session->makes_output();
  const std::uint64_t& moved = makes ? c.sent_bytes : c.received_bytes;
  const std::uint64_t before = moved;
  const EchoResult result = turn(context);
  extra.bucket.Take(moved - before, now_, rate);
  if (result.outcome != EchoOutcome::kMore || extra.bucket.Available(now_, rate) > 0) return result;
  extra.paused_until = extra.bucket.WhenAvailable((rate.size + 1) / 2, now_, rate);
  Arm(c, token.index);
  return {EchoOutcome::kPaused, {}};
}

void Reactor::Resume(Connection& c, Token token) {
  if (std::exchange(table_.ColdOf(token.index)->paused_until, 0) == 0) return;
  c.active_at_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
  Enqueue(c, token);
}

// ---- timers ----

// The first limit on time that a connection comes to.
Reactor::Due Reactor::NextDue(const Connection& c, bool paused) const {
  Due due;
  const Nanos now = now_;
  const auto consider = [&](Nanos limit, Nanos passed, CloseReason reason) {
    if (limit != 0 && now + limit - passed < due.at) due = {now + limit - passed, reason};
  };
  const auto now_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
  const auto now_cs = static_cast<std::uint32_t>(now_ / kNanosPerCenti);
  const Nanos age = Nanos{Elapsed(now_cs, c.opened_at_cs)} * kNanosPerCenti;
  const Nanos idle = Nanos{Elapsed(now_ms, c.active_at_ms)} * kNanosPerMilli;
  consider(limits_.max_age, age, CloseReason::kMaxAge);
  // One that is paused is idle because of us.
  if (!paused) consider(limits_.idle_timeout, idle, CloseReason::kIdleTimeout);
  if (c.received_bytes == 0) {
    consider(limits_.first_byte_timeout, age, CloseReason::kNoFirstByte);
  }
  return due;
}

// A message moves no timer: one that ends too early for a connection that was active is set anew.
void Reactor::Arm(const Connection& c, std::uint32_t index) {
  const ColdState* extra = table_.ColdOf(index);
  const bool paused = extra != nullptr && extra->paused_until != 0;
  Nanos at = paused ? extra->paused_until : kNever;
  if (extra != nullptr && extra->closed_by) {
    at = std::min(at, extra->reset_at);
  } else if (!c.closing && limits_.times()) {
    at = std::min(at, NextDue(c, paused).at);
  }
  if (at == kNever) return timers_.Cancel(index);
  if (timers_.size() == 0) timers_.Advance(now_);
  timers_.Schedule(index, at);
  next_timer_at_ = std::min(next_timer_at_, timers_.NextAt());
}

void Reactor::RunTimers() {
  timers_.Advance(now_);
  for (int i = 0; i < kTimersPerTurn; ++i) {
    const std::optional<std::uint32_t> index = timers_.PopEnded();
    if (!index) break;
    Connection* c = table_.InSlot(*index);
    CHECK(c != nullptr);  // a timer goes with its connection
    OnTimer(*c, {*index, c->generation});
  }
  next_timer_at_ = timers_.NextAt();
}

void Reactor::OnTimer(Connection& c, Token token) {
  ColdState* extra = table_.ColdOf(token.index);
  if (extra != nullptr && extra->paused_until <= now_) Resume(c, token);
  const bool paused = extra != nullptr && extra->paused_until != 0;
  if (extra != nullptr && extra->closed_by) {
    if (extra->reset_at <= now_) return CloseConnection(c, token, *extra->closed_by, true);
  } else if (const Due due = NextDue(c, paused); !c.closing && due.at <= now_) {
    ColdState& closed = ColdFor(token);
    closed.closed_by = due.reason;
    closed.reset_at = now_ + options_.limit_close_grace.count();
    c.admin_closed = true;
    Arm(c, token.index);
    return BeginCloseOf(c, token);
  }
  Arm(c, token.index);
}

// What a connection that ends leaves in the limits. Returns the reason that counts.
CloseReason Reactor::EndLimits(const Connection& c, std::uint32_t index, CloseReason reason) {
  ColdState& extra = *table_.ColdOf(index);
  if (std::exchange(extra.counted, false)) deps_.limiter.Leave(extra.client);
  // Whatever a client answers to our FIN.
  const bool forced = reason == CloseReason::kDrainForced || reason == CloseReason::kAdminReset;
  return extra.closed_by && c.fin_sent && !forced ? *extra.closed_by : reason;
}

}  // namespace echogw
