// State that only some connections have, outside the cache line that every message touches. The
// SlotTable owns it; Connection::has_cold says whether there is one. It moves with the connection.
// Reactor's thread.
#pragma once

#include <memory>
#include <optional>

#include "reactor/base/clock.h"
#include "reactor/base/token_bucket.h"
#include "reactor/connection/connection_limiter.h"
#include "reactor/services/session.h"
#include "reactor/stats/counters.h"

namespace echogw {

struct ColdState {
  // Null: plain echo.
  std::unique_ptr<Session> session;

  // ---- limits ----
  // Counted in the ConnectionLimiter, as this client.
  bool counted = false;
  ClientKey client;
  // Bytes it may receive under a rate, and until when it is not read; 0: it is read.
  TokenBucket bucket;
  Nanos paused_until = 0;
  // The limit that closes it, and when it is reset.
  std::optional<CloseReason> closed_by;
  Nanos reset_at = 0;
  // When it was last looked at: what its client had not taken yet, and what had been received.
  std::uint64_t untaken_bytes = 0;
  std::uint64_t received_then = 0;
};

}  // namespace echogw
