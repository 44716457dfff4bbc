// What only some connections have, apart from the cache line that every message touches: one object
// on the heap for a connection that needs it, flagged by Connection::has_cold. The table of the
// reactor holds it (SlotTable), and it goes with the connection when that moves. Belongs to the
// reactor's thread.
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
  // What it may be read of, if there is a rate; and until when it is not read. 0: it is.
  TokenBucket bucket;
  Nanos paused_until = 0;
  // It is being closed for this limit; with RST at this time.
  std::optional<CloseReason> closed_by;
  Nanos reset_at = 0;
};

}  // namespace echogw
