#include "reactor/limit_enforcer.h"

#include <algorithm>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/net/socket.h"

namespace echogw {
namespace {

// Timers that may end in one turn; each may cost some system calls.
constexpr int kTimersPerTurn = 128;

// How often a client that may be idle is looked at while it has bytes to take.
constexpr Nanos kLooksPerIdleTime = 4;

// A connection that has used up its rate resumes when half of the bucket is full again: eight times
// a second, so that no read is small because the bucket is almost empty.
TokenRate ByteTokens(const Limits& limits) {
  return {.per_second = limits.rate, .size = std::max<std::uint64_t>(limits.rate / 4, 1)};
}

}  // namespace

void LimitEnforcer::SetLimits(const Limits& limits) {
  rate_changed_ = (apply_from_ && rate_changed_) || limits.rate != limits_.rate;
  limits_ = limits;
  const std::span<std::byte> scratch(context_.scratch);
  const std::size_t most = limits.output_buffer != 0 ? limits.output_buffer : scratch.size();
  context_.echo.scratch = scratch.first(std::min(most, scratch.size()));
  timers_.Clear();
  apply_from_ = 0;
  next_at_ = context_.now;
}

void LimitEnforcer::Handle(const echogw::SetLimits& command) {
  SetLimits(command.limits);
  unanswered_.push_back(command);
}

void LimitEnforcer::AnswerAll() {
  for (const echogw::SetLimits& command : std::exchange(unanswered_, {})) {
    command.reply->Push({.id = command.id});
  }
}

void LimitEnforcer::ApplySlice() {
  apply_from_ = context_.table.ForSome(
      *apply_from_, context_.options.slice_slots, [&](Connection& c, Token token) {
        if (c.has_cold) {
          // A bucket keeps the time when it is full, which the old rate may have put far away.
          if (rate_changed_) context_.table.ColdOf(token.index)->bucket = TokenBucket{};
          Resume(c, token);
        }
        Apply(c, token);
      });
  if (!apply_from_) AnswerAll();
}

void LimitEnforcer::Apply(Connection& c, Token token) {
  if (limits_.counts()) {
    ColdState& cold = context_.table.EnsureCold(token);
    if (!std::exchange(cold.counted, true)) {
      cold.client = ClientKeyOf(PeerOf(c.fd));
      context_.deps.limiter.Add(cold.client);
    }
  } else if (c.has_cold) {
    ColdState& cold = *context_.table.ColdOf(token.index);
    if (std::exchange(cold.counted, false)) context_.deps.limiter.Leave(cold.client);
  }
  if (limits_.rate != 0) (void)context_.table.EnsureCold(token);
  if (limits_.times() || c.has_cold) Arm(c, token.index);
}

CloseReason LimitEnforcer::OnClose(const Connection& c, std::uint32_t index, CloseReason reason) {
  Forget(index);
  ColdState* cold = context_.table.ColdOf(index);
  if (cold == nullptr) return reason;
  if (std::exchange(cold->counted, false)) context_.deps.limiter.Leave(cold->client);
  // After our FIN the limit is the reason, whatever the client answers.
  const bool forced = reason == CloseReason::kDrainForced || reason == CloseReason::kAdminReset;
  return cold->closed_by && c.fin_sent && !forced ? *cold->closed_by : reason;
}

// ---- rate ----

EchoResult LimitEnforcer::LimitedTurn(Connection& c, Token token, bool to_the_end,
                                      std::uint32_t events) {
  ColdState& cold = *context_.table.ColdOf(token.index);
  const auto turn = [&](const EchoContext& context) {
    return cold.session != nullptr ? sessions_.Turn(c, token, *cold.session, context)
                                   : EchoTurn(c, to_the_end, context);
  };
  // A connection that is being closed may finish, however much it has sent.
  if (limits_.rate == 0 || c.closing) return turn(context_.echo);
  // While it is paused, input waits in the kernel; only its end is handled.
  const bool ended = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (cold.paused_until != 0 && !ended) return {EchoOutcome::kPaused, {}};
  const Nanos now = context_.now;
  const TokenRate rate = ByteTokens(limits_);
  // Reads at least one byte: an excess is missing later, and the kernel reports the end.
  const std::size_t may = std::max<std::uint64_t>(cold.bucket.Available(now, rate), 1);
  EchoContext context = context_.echo;
  context.scratch = context.scratch.first(std::min(may, context.scratch.size()));
  context.turn_bytes = std::min(may, context.turn_bytes);
  // Generated output, as by chargen, does not depend on what was received.
  const bool generates = cold.session != nullptr && cold.session->mode().makes_output;
  const std::uint64_t& moved = generates ? c.sent_bytes : c.received_bytes;
  const std::uint64_t before = moved;
  const EchoResult result = turn(context);
  cold.bucket.Take(moved - before, now, rate);
  if (result.outcome != EchoOutcome::kMore || cold.bucket.Available(now, rate) > 0) return result;
  cold.paused_until = cold.bucket.WhenAvailable((rate.size + 1) / 2, now, rate);
  Arm(c, token.index);
  return {EchoOutcome::kPaused, {}};
}

void LimitEnforcer::Resume(Connection& c, Token token) {
  if (std::exchange(context_.table.ColdOf(token.index)->paused_until, 0) == 0) return;
  c.active_at_ms = context_.now_ms();
  host_.Enqueue(c, token);
}

// ---- timers ----

LimitEnforcer::Due LimitEnforcer::NextDue(const Connection& c, bool paused) const {
  Due due;
  if (!limits_.times()) return due;
  const auto consider = [&](Nanos limit, Nanos passed, CloseReason reason) {
    const Nanos at = context_.now + limit - passed;
    if (limit != 0 && at < due.at) due = {at, reason};
  };
  const Nanos age = context_.AgeOf(c);
  consider(limits_.max_age, age, CloseReason::kMaxAge);
  // A paused connection is idle because of its rate.
  if (!paused) consider(limits_.idle_timeout, context_.IdleTimeOf(c), CloseReason::kIdleTimeout);
  if (c.received_bytes == 0) {
    consider(limits_.first_byte_timeout, age, CloseReason::kNoFirstByte);
  }
  return due;
}

Nanos LimitEnforcer::NextLookAt(const Connection& c) const {
  const Nanos quarter = limits_.idle_timeout / kLooksPerIdleTime;
  const Nanos idle = context_.IdleTimeOf(c);
  if (idle < quarter) return context_.now + quarter - idle;
  // Nothing is left to take: nothing to see before the end.
  return OutputQueueOf(c.fd) == 0 ? kNever : context_.now + quarter;
}

Nanos LimitEnforcer::HandshakeEndOf(const Connection& c, const ColdState& cold) const {
  return std::max(Sessions::DeadlineOf(c, cold), handshakes_until_);
}

void LimitEnforcer::Arm(const Connection& c, std::uint32_t index) {
  const ColdState* cold = context_.table.ColdOf(index);
  const bool paused = cold != nullptr && cold->paused_until != 0;
  Nanos at = paused ? cold->paused_until : kNever;
  if (cold != nullptr) at = std::min(at, HandshakeEndOf(c, *cold));
  if (cold != nullptr && cold->closed_by) {
    at = std::min(at, cold->reset_at);
  } else if (!c.closing) {
    at = std::min(at, NextDue(c, paused).at);
    if (!paused && limits_.idle_timeout != 0) at = std::min(at, NextLookAt(c));
  }
  if (at == kNever) return timers_.Cancel(index);
  if (timers_.size() == 0) timers_.Advance(context_.now);
  timers_.Schedule(index, at);
  next_at_ = std::min(next_at_, timers_.NextAt());
}

void LimitEnforcer::RunTimers() {
  if (apply_from_) ApplySlice();
  // How late this is. A loop that was only busy is not that late.
  constexpr Nanos kStopped = kNanosPerSecond;
  const Nanos late = context_.now - next_at_;
  if (late >= kStopped) {
    const Nanos handshake = context_.options.handshake_timeout.count();
    handshakes_until_ = context_.now + std::min(late, handshake);
  }
  timers_.Advance(context_.now);
  for (int i = 0; i < kTimersPerTurn; ++i) {
    const std::optional<std::uint32_t> index = timers_.PopEnded();
    if (!index) break;
    Connection* c = context_.table.InSlot(*index);
    CHECK(c != nullptr);  // closing or moving a connection cancels its timer
    OnTimer(*c, {*index, c->generation});
  }
  next_at_ = apply_from_ ? context_.now : timers_.NextAt();
}

void LimitEnforcer::OnTimer(Connection& c, Token token) {
  const ColdState* cold = context_.table.ColdOf(token.index);
  if (cold != nullptr && cold->paused_until <= context_.now) Resume(c, token);
  if (cold != nullptr && cold->closed_by) {
    if (!EndGrace(c, token)) return;
  } else if (!c.closing && !EndByLimit(c, token)) {
    return;
  }
  if (!EndHandshake(c, token)) return;
  Arm(c, token.index);
}

bool LimitEnforcer::Look(Connection& c, Token token) {
  const std::uint64_t before = c.received_bytes + c.sent_bytes;
  // io_uring may not have reported what has arrived.
  if (context_.engine != nullptr) context_.engine->CatchUp(c.fd);
  host_.RunTurn(c, token);
  if (context_.table.Find(token) == nullptr) return false;
  if (c.received_bytes + c.sent_bytes != before) c.active_at_ms = context_.now_ms();
  return true;
}

bool LimitEnforcer::TakesBytes(const Connection& c, Token token) {
  const std::uint64_t untaken = OutputQueueOf(c.fd) + c.pending_bytes();
  ColdState* cold = context_.table.ColdOf(token.index);
  if (untaken == 0 && (cold == nullptr || cold->untaken_bytes == 0)) return false;
  if (cold == nullptr) cold = &context_.table.EnsureCold(token);
  // A FIN that is not acknowledged yet looks like one byte.
  const bool takes = cold->untaken_bytes > 1 && untaken < cold->untaken_bytes;
  cold->untaken_bytes = untaken;
  return takes;
}

bool LimitEnforcer::EndByLimit(Connection& c, Token token) {
  const ColdState* cold = context_.table.ColdOf(token.index);
  const bool paused = cold != nullptr && cold->paused_until != 0;
  Due due = NextDue(c, paused);
  if (due.at <= context_.now && due.reason != CloseReason::kMaxAge) {
    // Its turn is in the next turn of the loop. One that always has more to send, as chargen, has
    // had a turn since.
    if (c.queued && context_.now - context_.IdleTimeOf(c) < due.at) return true;
    if (!Look(c, token)) return false;
  }
  if (!paused && limits_.idle_timeout != 0 &&
      context_.IdleTimeOf(c) >= limits_.idle_timeout / kLooksPerIdleTime && TakesBytes(c, token)) {
    c.active_at_ms = context_.now_ms();
  }
  due = NextDue(c, paused);
  if (due.at > context_.now) return true;
  ColdState& closed = context_.table.EnsureCold(token);
  closed.closed_by = due.reason;
  closed.reset_at = context_.now + context_.options.limit_close_grace.count();
  c.admin_closed = true;
  host_.BeginClose(c, token);
  if (context_.table.Find(token) == nullptr) return false;
  (void)TakesBytes(c, token);
  closed.received_then = c.received_bytes;
  return true;
}

// Who goes on taking what was received is given more time; not who goes on sending.
bool LimitEnforcer::EndGrace(Connection& c, Token token) {
  ColdState& cold = *context_.table.ColdOf(token.index);
  if (cold.reset_at > context_.now) return true;
  if (!Look(c, token)) return false;
  const bool sends = std::exchange(cold.received_then, c.received_bytes) != c.received_bytes;
  if (TakesBytes(c, token) && !sends) {
    cold.reset_at = context_.now + context_.options.limit_close_grace.count();
    return true;
  }
  host_.Close(c, token, *cold.closed_by, true);
  return false;
}

bool LimitEnforcer::EndHandshake(Connection& c, Token token) {
  const ColdState* cold = context_.table.ColdOf(token.index);
  if (cold == nullptr || HandshakeEndOf(c, *cold) > context_.now) return true;
  if (!c.queued && !Look(c, token)) return false;
  if (c.queued || HandshakeEndOf(c, *cold) > context_.now) return true;
  sessions_.EndHandshake(c, token);
  return context_.table.Find(token) != nullptr;
}

}  // namespace echogw
