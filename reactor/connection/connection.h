// One client connection: a plain value of one cache line, so that a message touches one line and an
// idle connection costs 64 bytes. The reactor closes its descriptor and frees its pending block
// (SlotTable checks that none is left).
#pragma once

#include <cstddef>
#include <cstdint>

#include "reactor/base/clock.h"

namespace echogw {

// Of an id: the slot that accepted the connection is above a count of this many bits.
inline constexpr unsigned kIdSlotShift = 45;

struct alignas(64) Connection {
  // What was read and not written yet: pending[pending_begin, pending_end). Nothing is read until
  // it is empty, so it holds at most one read and what an engine prefetched.
  std::byte* pending = nullptr;
  std::uint32_t pending_begin = 0;
  std::uint32_t pending_end = 0;
  int fd = -1;  // negative: the slot is free
  // Of the slot: a token with another generation belongs to a connection that is gone.
  std::uint32_t generation = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  // The slot that accepted it and a count; unchanged by a move, and below 2^53 for JSON readers.
  std::uint64_t id = 0;
  // Centiseconds on the monotonic clock, modulo 2^32 (497 days). Only differences are used.
  std::uint32_t opened_at_cs = 0;
  // Milliseconds, modulo 2^32 (49 days): when it came to this reactor.
  std::uint32_t arrived_at_ms = 0;
  // Milliseconds: when it was last ready.
  std::uint32_t active_at_ms = 0;
  std::uint8_t pending_class : 4 = 0;  // of BufferPool
  bool queued : 1 = false;             // in the reactor's queue of connections with more to do
  bool watch_write : 1 = false;        // the poller watches for writability
  bool watch_read : 1 = true;          // level-triggered pollers: watches for readability
  bool closing : 1 = false;            // once all is echoed, FIN
  bool unwatched : 1 = false;          // the poller had no room; the reactor retries
  bool fin_sent : 1 = false;           // our FIN is sent; further input is discarded
  bool admin_closed : 1 = false;       // closing because of an operator or a limit
  bool has_cold : 1 = false;           // the table has a ColdState for it
  bool reads_to_end : 1 = false;       // a short read does not mean that nothing is left
  std::uint16_t address_index = 0;     // of the listen address

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
