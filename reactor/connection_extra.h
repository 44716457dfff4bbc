// What only some connections have, apart from the cache line that every message touches: one object
// on the heap for a connection that needs it, flagged by Connection::has_extra. The table of the
// reactor holds it (SlotTable), and it goes with the connection when that moves. Belongs to the
// reactor's thread.
#pragma once

#include <memory>

#include "reactor/session.h"

namespace echogw {

struct ConnectionExtra {
  // Null: plain echo.
  std::unique_ptr<Session> session;
};

}  // namespace echogw
