// Changes by operators and events of the gateway: the newest thousand, in memory. Any thread; its
// lock is held for copies only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "reactor/base/mutex.h"
#include "server/pool/control.h"

namespace echogw::server {

enum class EventSeverity : std::uint8_t { kInfo, kWarning, kError };

struct Event {
  std::uint64_t id = 0;  // counts up from 1, with gaps
  std::chrono::system_clock::time_point time;
  EventSeverity severity = EventSeverity::kInfo;
  // For changes the verb of echogwctl: "resize", "move", "rebalance", "steer", "drain", "undrain",
  // "close", "log-level"; else "state" (of the gateway), "reactor" (its warnings) or "stop".
  std::string kind;
  // The caller of an admin call, also of the end of the operation it began; "signal" or "gateway".
  std::string actor;
  std::string message;          // one line; EventLog escapes and cuts what an operator wrote
  std::uint64_t operation = 0;  // 0: none
};

// The kind of the events of an operation.
[[nodiscard]] const char* EventKind(OperationKind kind);

class EventLog {
 public:
  static constexpr std::size_t kKept = 1000;

  // Fills in the id and the time.
  void Add(Event event);
  // The end of an operation; a dry run is no event.
  void AddOperation(const Operation& operation);

  // Reserves the id of an event whose outcome is not known yet, so that events that it causes come
  // after it. Readers see no later event until it is filled or given up, so keep it short.
  class Reservation {
   public:
    explicit Reservation(EventLog& log) : log_(log), id_(log.Reserve()) {}
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation() { GiveUp(); }
    // No effect once it is filled.
    void GiveUp() {
      if (id_ != 0) log_.GiveUp(std::exchange(id_, 0));
    }
    void Fill(Event event) { log_.Fill(std::exchange(id_, 0), std::move(event)); }

   private:
    EventLog& log_;
    std::uint64_t id_;  // 0: filled or given up
  };

  // The events of the process before this one come before those of this one.
  void Restore(std::vector<Event> events, std::uint64_t last_id);
  [[nodiscard]] std::uint64_t last_id() const;

  struct Batch {
    std::vector<Event> events;
    std::uint64_t dropped = 0;  // overwritten before they were read
  };
  // Events with an id above `after`, oldest first; of more than `limit` the newest. Events left out
  // for the limit do not count as dropped.
  [[nodiscard]] Batch After(std::uint64_t after, std::size_t limit) const;

 private:
  struct Entry {
    Event event;
    bool open = false;  // a reservation
    // Keeps the id and the time.
    void Take(Event from);
  };

  std::uint64_t Reserve();
  void Fill(std::uint64_t id, Event event);
  void GiveUp(std::uint64_t id);
  // Who began the operation, if that is known.
  const std::string* ActorOf(std::uint64_t operation) const ECHOGW_REQUIRES(mutex_);
  Entry& Append() ECHOGW_REQUIRES(mutex_);
  std::deque<Entry>::iterator Find(std::uint64_t id) ECHOGW_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::deque<Entry> entries_ ECHOGW_GUARDED_BY(mutex_);  // by id
  std::uint64_t last_id_ ECHOGW_GUARDED_BY(mutex_) = 0;
  std::uint64_t dropped_ ECHOGW_GUARDED_BY(mutex_) = 0;  // the last id that was overwritten
};

}  // namespace echogw::server
