// What only some connections have, apart from the cache line that every message touches: one object
// on the heap for a connection that needs it, flagged by Connection::has_extra. The table of the
// reactor holds it (SlotTable), and it goes with the connection when that moves. Belongs to the
// reactor's thread.
#pragma once

#include <memory>
#include <optional>

#include "reactor/clock.h"
#include "reactor/connection_gate.h"
#include "reactor/counters.h"
#include "reactor/session.h"
#include "reactor/token_bucket.h"

namespace echogw {

struct ConnectionExtra {
  // Null: plain echo.
  std::unique_ptr<Session> session;

  // ---- limits ----
  // Counted in the ConnectionGate, as this client.
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
