// The limits of open connections: the number of connections of a client, the rate at which one is
// read, and its timers: idle time, age, first byte, handshake. Limits on accepting belong to the
// Acceptor. Reactor's thread.
//
// A connection has at most one timer, for whatever comes first. A message does not touch it: a
// timer that ends too early for a connection that was active is set again.
#pragma once

#include <cstdint>

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

  // Applies them to all connections.
  void SetLimits(const Limits& limits);
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
  void Resume(Connection& c, Token token);
  [[nodiscard]] Due NextDue(const Connection& c, bool paused) const;
  void OnTimer(Connection& c, Token token);

  LoopContext& context_;
  ConnectionHost& host_;
  Sessions& sessions_;
  Limits limits_;
  TimerWheel timers_;  // empty unless a limit or a handshake needs it
  Nanos next_at_ = kNever;
};

}  // namespace echogw
