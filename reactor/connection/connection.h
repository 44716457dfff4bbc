// One client connection: a plain value of one cache line, so that a message touches one line and an
// idle connection costs 64 bytes. It owns its descriptor and its pending block by convention; the
// reactor that holds it closes and frees them (SlotTable checks that none is left).
#pragma once

#include <cstddef>
#include <cstdint>

#include "reactor/base/clock.h"

namespace echogw {

struct alignas(64) Connection {
  // What was read and could not be written yet: pending[pending_begin, pending_end). Nothing is
  // read while it is not empty, so it never holds more than one read, and what an engine had
  // received ahead.
  std::byte* pending = nullptr;
  std::uint32_t pending_begin = 0;
  std::uint32_t pending_end = 0;
  int fd = -1;  // negative: the slot is free
  // Of the slot: a token with another generation is of a connection that is gone.
  std::uint32_t generation = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  // Stays with the connection when it moves: the slot that accepted it and a count, below 2^53 so
  // that a JSON reader keeps it whole.
  std::uint64_t id = 0;
  // Centiseconds on the monotonic clock, modulo 2^32 (497 days); as for all of these, only
  // differences are used.
  std::uint32_t opened_at_cs = 0;
  // Milliseconds, modulo 2^32 (49 days): since when it is in this reactor.
  std::uint32_t arrived_at_ms = 0;
  // Milliseconds: when it was last ready for anything.
  std::uint32_t active_at_ms = 0;
  std::uint8_t pending_class : 4 = 0;  // of BufferPool
  bool queued : 1 = false;             // in the reactor's list of those with more to do
  bool watch_write : 1 = false;        // the poller watches for writability
  bool watch_read : 1 = true;          // level-triggered pollers: watches for readability
  bool closing : 1 = false;            // a drain closes it: once all is echoed, FIN
  bool unwatched : 1 = false;          // the poller had no room; tried again by the reactor
  bool fin_sent : 1 = false;           // our FIN is out; what still comes is thrown away
  bool admin_closed : 1 = false;       // closing, because an operator or a limit said so
  bool has_cold : 1 = false;           // the table has a ColdState for it
  std::uint16_t address_index = 0;     // the listen address it came by

  [[nodiscard]] bool has_pending() const noexcept { return pending != nullptr; }
  [[nodiscard]] std::uint32_t pending_bytes() const noexcept { return pending_end - pending_begin; }
};

static_assert(sizeof(Connection) == 64);

// From `then` to `now`, in the unit of both, modulo 2^32. Reactors read the clock once a turn, so
// that `then` of a connection that moved here may be slightly later than `now`: 0.
inline std::uint32_t Elapsed(std::uint32_t now, std::uint32_t then) {
  constexpr std::uint32_t kSkewMax = UINT32_MAX / 256;
  const std::uint32_t passed = now - then;
  return passed > UINT32_MAX - kSkewMax ? 0 : passed;
}

}  // namespace echogw
