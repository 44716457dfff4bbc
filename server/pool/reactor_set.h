// The slots of a pool and the reactors that run in them. A slot has a mailbox and counters for the
// life of the process; a slot in which no reactor runs is parked. Commands go to reactors here, and
// their reports come back here.
//
// Slots are made, started and stopped by the control thread, which alone reads reports. The rest is
// for any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "reactor/base/check.h"
#include "reactor/base/clock.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/mutex.h"
#include "reactor/connection/connection_limiter.h"
#include "reactor/mailbox.h"
#include "reactor/net/fd_budget.h"
#include "reactor/net/socket_io.h"
#include "reactor/reactor.h"
#include "reactor/reactor_thread.h"
#include "reactor/stats/counters.h"
#include "server/pool/control.h"
#include "server/pool/counter_base.h"
#include "server/pool/listener_group.h"
#include "server/pool/options.h"

namespace echogw::server {

using SteadyTime = std::chrono::steady_clock::time_point;
using Slots = std::vector<std::uint32_t>;

// Reactors answer between two batches of events; this allows for one that is starved of CPU.
inline constexpr std::chrono::seconds kAnswerTimeout{60};

class ReactorSet {
 public:
  // All outlive it. `base` is added to the counters.
  ReactorSet(const PoolOptions& options, const CounterBase& base, LogSink& log);
  ReactorSet(const ReactorSet&) = delete;
  ReactorSet& operator=(const ReactorSet&) = delete;
  // All reactors must be stopped.
  ~ReactorSet();

  // ---- control thread ----

  // Makes slots 0 to count-1 where they are missing, with their sockets in `listeners`. All or
  // nothing.
  [[nodiscard]] absl::Status Make(std::uint32_t count, ListenerGroup& listeners);
  // Starts reactors in the parked slots first to end-1, in state kStarting and without listeners.
  // All or none.
  [[nodiscard]] absl::Status Start(std::uint32_t first, std::uint32_t end);
  // Stops these reactors side by side and parks their slots.
  void Stop(const Slots& slots);

  // Posts a command to a running reactor, with an id of its own that is returned.
  template <typename C>
  std::uint64_t Send(std::uint32_t slot, C command) {
    const std::uint64_t id = command.id = NextCommandId();
    // A running reactor never closes its mailbox.
    CHECK(mailbox(slot)->PostUnbounded(std::move(command)));
    return id;
  }
  // The reports on the commands `ids`: all of them unless the deadline passes or `cancel` is set
  // (and the wait interrupted).
  [[nodiscard]] std::vector<Report> Await(std::vector<std::uint64_t> ids, SteadyTime deadline,
                                          const std::atomic<bool>* cancel = nullptr);
  // Sends a command to each of `slots` and awaits their reports.
  template <typename C>
  std::vector<Report> Ask(const Slots& slots, const C& command,
                          SteadyTime deadline = std::chrono::steady_clock::now() + kAnswerTimeout) {
    std::vector<std::uint64_t> ids;
    for (const std::uint32_t slot : slots) ids.push_back(Send(slot, command));
    return Await(std::move(ids), deadline);
  }

  void SetState(std::uint32_t slot, ReactorState state);

  // ---- any thread ----

  // False if the slot is parked. A full mailbox takes it too: the caller waits for a reply, and no
  // reply must mean that the reactor is stuck.
  [[nodiscard]] bool Post(std::uint32_t slot, Command&& command) const;
  // An id that no other command has.
  [[nodiscard]] std::uint64_t NextCommandId() { return next_command_id_.fetch_add(1); }
  [[nodiscard]] Mailbox* mailbox(std::uint32_t slot) const;
  [[nodiscard]] std::vector<Mailbox*> mailboxes(const Slots& slots) const;
  [[nodiscard]] EventRing& events(std::uint32_t slot) const;
  // Whether reactors record the events of connections, those that start later too.
  void RecordEvents(bool on);
  [[nodiscard]] Reports& reports() { return reports_; }

  [[nodiscard]] ReactorState state(std::uint32_t slot) const;
  [[nodiscard]] Slots Serving() const { return InState(ReactorState::kServing, true); }
  // All that are not parked.
  [[nodiscard]] Slots Running() const { return InState(ReactorState::kParked, false); }
  [[nodiscard]] std::uint32_t count() const;

  // In force, for reactors that start later too.
  [[nodiscard]] Limits limits() const;
  // Tells every reactor. Returns the number of reactors that did not confirm in time.
  [[nodiscard]] std::size_t SetLimits(const Limits& limits, std::chrono::nanoseconds timeout);
  [[nodiscard]] ConnectionLimiter& limiter() { return limiter_; }

  // Of this process alone.
  [[nodiscard]] CounterSnapshot Read(std::uint32_t slot) const;
  // With what earlier processes counted.
  [[nodiscard]] CounterSnapshot Total() const;
  // By slot, without sockets and weights.
  [[nodiscard]] std::vector<ReactorStats> Stats() const;

 private:
  struct Slot {
    // Counters that only grow for a reader: an engine counts ahead and may take back
    // (UringEngine::Enter), a time in progress may end unseen, and a counter that falls would look
    // restarted.
    CounterSnapshot Read(Nanos now);

    Counters counters;
    EventRing events;
    std::unique_ptr<Mailbox> mailbox;
    std::unique_ptr<Reactor> reactor;
    std::unique_ptr<ReactorThread> thread;
    ReactorState state = ReactorState::kParked;
    int cpu = -1;
    // The largest values of these counters that were read.
    std::uint64_t sent_bytes_read = 0;
    std::uint64_t writes_read = 0;
    std::uint64_t busy_ns_read = 0;
    std::uint64_t wait_ns_read = 0;
  };

  // Slots that are in the state, or those that are not.
  [[nodiscard]] Slots InState(ReactorState state, bool in) const;
  [[nodiscard]] absl::Status StartOne(std::uint32_t slot);
  // The CPU to pin a slot to; negative: none.
  [[nodiscard]] int CpuFor(std::uint32_t slot) const ECHOGW_REQUIRES(mutex_);
  [[nodiscard]] Slot& At(std::uint32_t slot) const ECHOGW_REQUIRES(mutex_) { return *slots_[slot]; }

  const PoolOptions& options_;
  const CounterBase& base_;
  LogSink& log_;
  FdBudget budget_;
  KernelSocketIo io_{&budget_};
  ConnectionLimiter limiter_;
  mutable SystemClock clock_;
  Reports reports_;
  PendingReplies limits_taken_;
  // Writers: any thread that makes a command. Only uniqueness counts.
  std::atomic<std::uint64_t> next_command_id_{1};

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Slot>> slots_ ECHOGW_GUARDED_BY(mutex_);
  Limits limits_ ECHOGW_GUARDED_BY(mutex_);
  bool started_ ECHOGW_GUARDED_BY(mutex_) = false;  // the first reactors did
  bool events_recorded_ ECHOGW_GUARDED_BY(mutex_) = false;
};

}  // namespace echogw::server
