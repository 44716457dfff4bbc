#include "reactor/services/echo.h"

#include <cerrno>
#include <cstring>

#include "reactor/services/upper_case.h"

namespace echogw {
namespace {

EchoResult Close(CloseReason reason) { return {EchoOutcome::kClose, reason}; }

// Keeps what cannot be written, behind what is kept already.
void Hold(Connection& c, const EchoContext& context, std::span<const std::byte> rest) {
  const std::size_t held = c.pending_bytes();
  const std::uint8_t size_class = BufferPool::ClassFor(held + rest.size());
  BufferPool::Block block = context.pool.Take(size_class);
  if (c.has_pending()) {
    std::memcpy(block.get(), c.pending + c.pending_begin, held);
    context.pool.Give(BufferPool::Block(c.pending), c.pending_class);
  }
  std::memcpy(block.get() + held, rest.data(), rest.size());
  c.pending = block.release();
  c.pending_class = size_class & 0xFU;  // kClasses is 16
  c.pending_begin = 0;
  c.pending_end = static_cast<std::uint32_t>(held + rest.size());
  context.counters.pending_bytes.Add(rest.size());
}

// kIdle when all is written.
EchoResult FlushPending(Connection& c, const EchoContext& context) {
  while (c.pending_bytes() > 0) {
    const IoResult w =
        context.io.Write(c.fd, std::span(c.pending + c.pending_begin, c.pending_bytes()));
    if (w.status == IoStatus::kError) return Close(CloseReasonFor(w.error));
    if (w.status == IoStatus::kWouldBlock) return {EchoOutcome::kBlocked, {}};
    CountWrite(c, context, w.bytes);
    context.counters.pending_bytes.Subtract(w.bytes);
    c.pending_begin += static_cast<std::uint32_t>(w.bytes);
  }
  DropPending(c, context);
  return {EchoOutcome::kIdle, {}};
}

}  // namespace

CloseReason CloseReasonFor(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE:
      return CloseReason::kPeerReset;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
      return CloseReason::kTimedOut;
    default:
      return CloseReason::kIoError;
  }
}

EchoResult NothingRead(const IoResult& read, CloseReason at_eof) {
  switch (read.status) {
    case IoStatus::kEof:
      return Close(at_eof);
    case IoStatus::kError:
      return Close(CloseReasonFor(read.error));
    default:
      return {EchoOutcome::kIdle, {}};
  }
}

void CountRead(Connection& c, const EchoContext& context, std::size_t bytes) {
  c.received_bytes += bytes;
  context.counters.received_bytes.Add(bytes);
  context.counters.reads.Add(1);
  context.counters.read_bytes.Record(bytes);
}

void CountWrite(Connection& c, const EchoContext& context, std::size_t bytes) {
  c.sent_bytes += bytes;
  context.counters.sent_bytes.Add(bytes);
  context.counters.writes.Add(1);
}

EchoResult WriteOrHold(Connection& c, const EchoContext& context,
                       std::span<const std::byte> bytes) {
  const IoResult w = context.io.Write(c.fd, bytes);
  if (w.status == IoStatus::kError) [[unlikely]]
    return Close(CloseReasonFor(w.error));
  if (w.bytes > 0) CountWrite(c, context, w.bytes);
  if (w.bytes == bytes.size()) [[likely]]
    return {EchoOutcome::kIdle, {}};
  if (w.status == IoStatus::kQueued) {
    c.sent_bytes += bytes.size();  // counted by the engine for the reactor
    return {EchoOutcome::kIdle, {}};
  }
  Hold(c, context, bytes.subspan(w.bytes));
  context.counters.partial_writes.Add(1);
  return {EchoOutcome::kBlocked, {}};
}

void DropPending(Connection& c, const EchoContext& context) {
  if (!c.has_pending()) return;
  context.counters.pending_bytes.Subtract(c.pending_bytes());
  context.pool.Give(BufferPool::Block(c.pending), c.pending_class);
  c.pending = nullptr;
  c.pending_begin = 0;
  c.pending_end = 0;
}

EchoResult EchoTurn(Connection& c, bool to_the_end, const EchoContext& context) {
  if (c.has_pending()) [[unlikely]] {
    const EchoResult flushed = FlushPending(c, context);
    if (flushed.outcome != EchoOutcome::kIdle) return flushed;
  }
  std::size_t moved = 0;
  for (;;) {
    std::span<std::byte> buffer = context.scratch;
    const IoResult r = context.io.Read(c.fd, buffer);
    if (r.status != IoStatus::kOk) return NothingRead(r, CloseReason::kPeerClosed);
    CountRead(c, context, r.bytes);
    const std::span<std::byte> message = buffer.first(r.bytes);
    if (context.transform == Transform::kUpper) [[unlikely]]
      UpperCase(message);

    const EchoResult written = WriteOrHold(c, context, message);
    if (written.outcome != EchoOutcome::kIdle) [[unlikely]]
      return written;
    if (r.bytes < context.scratch.size() && !to_the_end) return {EchoOutcome::kIdle, {}};
    moved += ReadCost(r.bytes, context);
    if (moved >= context.turn_bytes) return {EchoOutcome::kMore, {}};
  }
}

EchoResult EchoService(Connection& c, const EchoContext& context, const ServiceCall& /*call*/) {
  return EchoTurn(c, true, context);
}

void HoldPrefetched(Connection& c, PrefetchEngine& engine, const EchoContext& context) {
  for (Prefetched held; !(held = engine.TakePrefetched(c.fd)).bytes.empty();) {
    if (c.fin_sent) continue;  // as DiscardTurn does
    if (held.unsent) {
      c.sent_bytes -= held.bytes.size();
      context.counters.partial_writes.Add(1);
    } else {
      CountRead(c, context, held.bytes.size());
      if (context.transform == Transform::kUpper) UpperCase(held.bytes);
    }
    Hold(c, context, held.bytes);
  }
}

}  // namespace echogw
