// Echo: what one connection does in one turn. Independent of the loop, the poller and the table, so
// that tests drive it with scripted system calls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/base/clock.h"
#include "reactor/connection/buffer_pool.h"
#include "reactor/connection/connection.h"
#include "reactor/net/socket_io.h"
#include "reactor/options.h"
#include "reactor/poll/prefetch_engine.h"
#include "reactor/service.h"
#include "reactor/stats/counters.h"

namespace echogw {

// What all turns of a reactor share.
struct EchoContext {
  SocketIo& io;
  BufferPool& pool;
  Counters& counters;
  // What one read fills; a turn leaves nothing in it.
  std::span<std::byte> scratch;
  std::size_t turn_bytes;
  Transform transform;
};

enum class EchoOutcome : std::uint8_t {
  kIdle,     // nothing to read at the moment: wait until it is readable
  kBlocked,  // the client takes no more: wait until it is writable; nothing is read until then
  kStalled,  // the client takes no more, but what it sends is still read
  kMore,     // the turn is used up: continue after the others
  kPaused,   // its rate is used up: nothing is read until its timer fires. Not from this file
  kClose,    // the caller closes it for `reason`
};

struct EchoResult {
  EchoOutcome outcome = EchoOutcome::kIdle;
  CloseReason reason = CloseReason::kPeerClosed;
};

// What a read of `bytes` takes of a turn. However little it gets, a turn is over after so many, as
// each costs system calls, or over TLS the work of a record.
inline constexpr std::size_t kTurnReads = 64;
[[nodiscard]] inline std::size_t ReadCost(std::size_t bytes, const EchoContext& context) {
  return std::max(bytes, context.turn_bytes / kTurnReads);
}

// Writes what is pending, then reads and writes until nothing is left to read, the client takes no
// more, or the turn is used up. `to_the_end` reads until the kernel has nothing left; otherwise a
// short read ends the turn, which is correct only if the event announced neither FIN nor urgent
// data: with an edge-triggered poller later data is a new edge (epoll(7)).
[[nodiscard]] EchoResult EchoTurn(Connection& c, bool to_the_end, const EchoContext& context);

[[nodiscard]] EchoResult EchoService(Connection& c, const EchoContext& context,
                                     const ServiceCall& call);

// ---- shared with the other services ----

[[nodiscard]] CloseReason CloseReasonFor(int error);

// The end of a turn whose read returned no bytes.
[[nodiscard]] EchoResult NothingRead(const IoResult& read, CloseReason at_eof);

void CountRead(Connection& c, const EchoContext& context, std::size_t bytes);
void CountWrite(Connection& c, const EchoContext& context, std::size_t bytes);

// Writes; holds what the client does not take. Nothing may be held before. kIdle if all is written.
[[nodiscard]] EchoResult WriteOrHold(Connection& c, const EchoContext& context,
                                     std::span<const std::byte> bytes);

// Takes over everything an engine holds for a connection, behind what is pending: what its client
// did not take, then what was received since.
void HoldPrefetched(Connection& c, PrefetchEngine& engine, const EchoContext& context);

// Frees the pending block, if there is one, and what it holds.
void DropPending(Connection& c, const EchoContext& context);

}  // namespace echogw
