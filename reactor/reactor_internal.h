// Shared by the files that implement Reactor; of no interest to anybody else.
#pragma once

#include <cstdint>

#include "reactor/base/clock.h"
#include "reactor/connection/connection.h"
#include "reactor/connection/slot_table.h"
#include "reactor/poll/poller.h"
#include "reactor/stats/counters.h"

namespace echogw {

// Tokens of generation 0 are no connections: the mailbox, else the index of a listener.
inline constexpr std::uint64_t kMailToken = UINT32_MAX;

// A connection's id: the slot that accepted it, above a count of 45 bits.
inline constexpr unsigned kIdSlotShift = 45;

// How often a close under way looks for the next connections whose time has come.
inline constexpr Nanos kCloseTick = 5 * kNanosPerMilli;
// How long to wait before asking again what had no room: a poller, another reactor's mailbox.
inline constexpr Nanos kRetryPause = 5 * kNanosPerMilli;

// Accepting that waits for its rate waits at least so long, so that it is not woken for each.
inline constexpr Nanos kAcceptRatePause = 2 * kNanosPerMilli;
// Timers that end in one turn; each may cost some system calls.
inline constexpr int kTimersPerTurn = 128;

// One more connection is accepted in a turn for so many events of it: with 256 of them, 16.
inline constexpr std::uint32_t kEventsAnAccept = 16;

// A pause of accepting is logged at most this often.
inline constexpr Nanos kPauseLogInterval = kNanosPerSecond;

// Whether an event is of a connection, be it gone or not.
inline bool IsConnection(const epoll_event& event) {
  return Token::Unpack(event.data.u64).generation != 0;
}

// From `then` to `now`, in the unit of both, which are modulo 2^32. Each reactor reads the clock
// once a turn, so a connection that was moved may come from a moment that is yet to come here: then
// 0.
inline std::uint32_t Elapsed(std::uint32_t now, std::uint32_t then) {
  constexpr std::uint32_t kAheadMax = UINT32_MAX / 256;
  const std::uint32_t passed = now - then;
  return passed > UINT32_MAX - kAheadMax ? 0 : passed;
}

inline std::uint32_t InterestOf(const Connection& c) {
  return (c.watch_read ? kInterestRead : 0U) | (c.watch_write ? kInterestWrite : 0U);
}

inline const char* CloseReasonName(CloseReason reason) {
  switch (reason) {
    case CloseReason::kPeerClosed:
      return "closed by the peer";
    case CloseReason::kPeerReset:
      return "reset by the peer";
    case CloseReason::kTimedOut:
      return "timed out";
    case CloseReason::kIoError:
      return "I/O error";
    case CloseReason::kDrained:
      return "drained";
    case CloseReason::kDrainForced:
      return "reset by a drain";
    case CloseReason::kAdminClosed:
      return "closed by an operator";
    case CloseReason::kAdminReset:
      return "reset by an operator";
    case CloseReason::kIdleTimeout:
      return "idle for too long";
    case CloseReason::kMaxAge:
      return "too old";
    case CloseReason::kNoFirstByte:
      return "it sent nothing";
    case CloseReason::kProxyHeader:
      return "no or a wrong PROXY header";
    case CloseReason::kHandshakeTimeout:
      return "nothing to serve in time";
    case CloseReason::kTlsError:
      return "TLS failed";
  }
  return "?";
}

}  // namespace echogw
