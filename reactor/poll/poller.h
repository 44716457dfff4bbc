// The event mechanism behind an interface: one virtual call per wait, not per event. Events are the
// kernel's epoll_event, so that the default needs no conversion.
//
// A Poller belongs to its reactor's thread.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "reactor/base/clock.h"
#include "reactor/options.h"

namespace echogw {

class FdBudget;
class PrefetchEngine;
class SocketIo;
struct Counters;

// What to watch for. Errors and hang-ups are always reported. Urgent data is watched for because a
// read stops at it although more follows.
inline constexpr std::uint32_t kInterestRead = EPOLLIN | EPOLLPRI | EPOLLRDHUP;
inline constexpr std::uint32_t kInterestWrite = EPOLLOUT;

// An engine holds bytes of a connection whose client takes no more; the reactor takes them over
// (PrefetchEngine::TakePrefetched). A bit that no socket reports (epoll_ctl(2)).
inline constexpr std::uint32_t kEventPrefetched = EPOLLMSG;

// For a listener, beside EPOLLIN: an engine may accept before it is asked
// (PrefetchEngine::TakeAccepted). Other pollers ignore it.
inline constexpr std::uint32_t kInterestPrefetch = EPOLLMSG;

// Used by an engine only.
struct PollerDeps {
  SocketIo& io;  // the calls that it does not make itself
  Counters& counters;
  std::size_t buffer_bytes;
  FdBudget* budget = nullptr;  // null: connections are not prefetched
};

class Poller {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Poller>> Create(PollerKind kind,
                                                                      const PollerDeps& deps);

  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  virtual ~Poller() = default;

  // True: connections are watched edge-triggered. They must be read until nothing is left, and need
  // no change of interest when reading stops.
  [[nodiscard]] virtual bool edge_triggered() const noexcept = 0;

  // The calls of its connections, if this is an engine that makes them itself; else null. A wait of
  // an engine is also work: it moves bytes.
  [[nodiscard]] virtual PrefetchEngine* engine() noexcept { return nullptr; }

  // Watches `fd`; every event carries `token`. Returns 0 or an errno; ERANGE: the mechanism does
  // not support descriptors that high. `edge` requests edge triggering, and is ignored where there
  // is none. An fd that is ready already is reported.
  [[nodiscard]] virtual int Add(int fd, std::uint64_t token, std::uint32_t interest,
                                bool edge) noexcept = 0;

  // Changes what is watched, and reports it again if it is ready. The fd must be watched.
  [[nodiscard]] virtual int SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                                        bool edge) noexcept = 0;

  // Ends the watch of an fd that stays open.
  virtual void Remove(int fd) noexcept = 0;

  // Call it before a watched fd is closed. No cost with epoll, which forgets it by itself.
  virtual void Closing(int fd) noexcept = 0;

  // Waits until something is ready or `timeout` has passed (kNever: no timeout; 0: no wait), and
  // fills `events`. Returns their number; 0 also after a signal. Timeouts are rounded up to
  // milliseconds.
  [[nodiscard]] virtual std::size_t Wait(std::span<epoll_event> events, Nanos timeout) noexcept = 0;
};

// The first of epoll, poll and select that works here, for --poller auto.
[[nodiscard]] PollerKind BestPoller();

[[nodiscard]] const char* PollerName(PollerKind kind);

}  // namespace echogw
