// The limits of open connections: the number of connections of a client, the rate at which one is
// read, and its timers: idle time, age, first byte, handshake. Limits on accepting belong to the
// Acceptor. Reactor's thread.
//
// A connection has at most one timer, for whatever comes first. A message does not touch it: a
// timer that ends too early for a connection that was active is set again.
//
// A timer does not end a connection before a turn of it: bytes, FIN or room for output may wait in
// the kernel while no event has told of them, as after the process was stopped. A client that takes
// its bytes is active, too, but no event tells of what it takes out of the kernel's queue. That is
// asked for when a quarter of the idle time has passed, and each quarter from then on.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "reactor/base/clock.h"
#include "reactor/base/timer_wheel.h"
#include "reactor/connection_host.h"
#include "reactor/limits.h"
#include "reactor/loop_context.h"
#include "reactor/sessions.h"

namespace echogw {

class LimitEnforcer {
 public:
  LimitEnforcer(LoopContext& context, ConnectionHost& host, Sessions& sessions)
      : context_(context), host_(host), sessions_(sessions) {}

  // Applies them to all connections: in slices, one in each call of RunTimers.
  void SetLimits(const Limits& limits);
  // The same, and replies when it is done.
  void Handle(const echogw::SetLimits& command);
  // Replies to what is not done yet.
  void AnswerAll();
  // Applies the limits to one that was accepted, came by a move, or was there before.
  void Apply(Connection& c, Token token);
  // The connection leaves this reactor.
  void Forget(std::uint32_t index) noexcept { timers_.Cancel(index); }
  // The connection closes. Returns the reason that counts.
  [[nodiscard]] CloseReason OnClose(const Connection& c, std::uint32_t index, CloseReason reason);

  // A turn of a connection that has a ColdState, within its rate. `events` led to it; 0 if none.
  [[nodiscard]] EchoResult LimitedTurn(Connection& c, Token token, bool to_the_end,
                                       std::uint32_t events);

  // Sets the timer of a connection for the first of its deadlines.
  void Arm(const Connection& c, std::uint32_t index);
  [[nodiscard]] Nanos next_at() const noexcept { return next_at_; }
  void RunTimers();

 private:
  struct Due {
    Nanos at = kNever;
    CloseReason reason = CloseReason::kIdleTimeout;
  };
  void ApplySlice();
  void Resume(Connection& c, Token token);
  [[nodiscard]] Due NextDue(const Connection& c, bool paused) const;
  // When to see whether the client takes its bytes.
  [[nodiscard]] Nanos NextLookAt(const Connection& c) const;
  [[nodiscard]] Nanos HandshakeEndOf(const Connection& c, const ColdState& cold) const;
  void OnTimer(Connection& c, Token token);
  // These return whether the connection is still there. The first runs a turn of it.
  [[nodiscard]] bool Look(Connection& c, Token token);
  [[nodiscard]] bool EndByLimit(Connection& c, Token token);
  [[nodiscard]] bool EndGrace(Connection& c, Token token);
  [[nodiscard]] bool EndHandshake(Connection& c, Token token);
  // Whether its client took bytes since the last call.
  [[nodiscard]] bool TakesBytes(const Connection& c, Token token);

  LoopContext& context_;
  ConnectionHost& host_;
  Sessions& sessions_;
  Limits limits_;
  // While limits are being applied: where the next slice begins, whether the rate is another one,
  // and who waits for the end.
  std::optional<std::uint32_t> apply_from_;
  bool rate_changed_ = false;
  std::vector<echogw::SetLimits> unanswered_;
  // After the process was stopped, no handshake ends before this.
  Nanos handshakes_until_ = 0;
  TimerWheel timers_;  // empty unless a limit or a handshake needs it
  Nanos next_at_ = kNever;
};

}  // namespace echogw
