// What the loop and its parts share: the reactor's dependencies and options, its poller, its
// connections and the time. One per reactor, owned by it and used on its thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reactor/base/clock.h"
#include "reactor/base/log_sink.h"
#include "reactor/connection/buffer_pool.h"
#include "reactor/connection/connection_limiter.h"
#include "reactor/connection/connection_record.h"
#include "reactor/connection/slot_table.h"
#include "reactor/mailbox.h"
#include "reactor/net/socket_io.h"
#include "reactor/options.h"
#include "reactor/poll/poller.h"
#include "reactor/poll/prefetch_engine.h"
#include "reactor/services/echo.h"
#include "reactor/services/tls_context.h"
#include "reactor/stats/counters.h"

namespace echogw {

// What a reactor is given; all of it outlives the reactor.
struct ReactorDeps {
  Counters& counters;
  Mailbox& mailbox;
  Reports& reports;
  EventRing& events;
  ConnectionLimiter& limiter;
  SocketIo& io;
  Clock& clock;
  LogSink& log;
  // For addresses with TLS; null if there are none.
  TlsContext* tls = nullptr;
  // For an engine that prefetches connections; null: none are.
  FdBudget* budget = nullptr;
};

struct LoopContext {
  LoopContext(const ReactorOptions& with, const ReactorDeps& given,
              std::unique_ptr<Poller> with_poller)
      : options(with),
        deps(given),
        poller(std::move(with_poller)),
        edge(poller->edge_triggered()),
        engine(poller->engine()),
        io(engine != nullptr ? *engine : deps.io),
        scratch(options.buffer_bytes),
        echo{io, pool, deps.counters, scratch, options.turn_bytes, options.transform} {}
  LoopContext(const LoopContext&) = delete;
  LoopContext& operator=(const LoopContext&) = delete;

  [[nodiscard]] std::uint32_t now_ms() const {
    return static_cast<std::uint32_t>(now / kNanosPerMilli);
  }
  [[nodiscard]] std::uint32_t now_cs() const {
    return static_cast<std::uint32_t>(now / kNanosPerCenti);
  }
  // Since the connection was accepted, was last ready, and came to this reactor.
  [[nodiscard]] Nanos AgeOf(const Connection& c) const {
    return Nanos{Elapsed(now_cs(), c.opened_at_cs)} * kNanosPerCenti;
  }
  [[nodiscard]] Nanos IdleTimeOf(const Connection& c) const {
    return Nanos{Elapsed(now_ms(), c.active_at_ms)} * kNanosPerMilli;
  }
  [[nodiscard]] Nanos ResidencyOf(const Connection& c) const {
    return Nanos{Elapsed(now_ms(), c.arrived_at_ms)} * kNanosPerMilli;
  }

  [[nodiscard]] static std::uint32_t InterestOf(const Connection& c) {
    return (c.watch_read ? kInterestRead : 0U) | (c.watch_write ? kInterestWrite : 0U);
  }
  // Returns 0 or an errno, as Poller::Add.
  [[nodiscard]] int Watch(const Connection& c, Token token) {
    return poller->Add(c.fd, token.Pack(), InterestOf(c), edge);
  }

  template <typename... Parts>
  void Log(LogLevel level, const Parts&... parts) {
    if (!deps.log.Enabled(level)) return;
    deps.log.Write(level, absl::StrCat("reactor ", options.id, " ", parts...));
  }

  const ReactorOptions options;
  const ReactorDeps deps;
  const std::unique_ptr<Poller> poller;
  const bool edge;               // connections are watched edge-triggered
  PrefetchEngine* const engine;  // the poller, if it is one; else null
  SocketIo& io;                  // the engine, if there is one
  std::vector<std::byte> scratch;
  BufferPool pool;
  EchoContext echo;
  SlotTable table;
  std::uint64_t handshake_work = 0;  // so far, in reads
  Nanos now = 0;                     // read once before and once after the work of a turn
};

// How long to wait before retrying what found no room in a poller or in another reactor's mailbox.
inline constexpr Nanos kRetryPause = 5 * kNanosPerMilli;

}  // namespace echogw
