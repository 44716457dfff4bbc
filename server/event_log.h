// What operators asked for and the gateway did, for people who come later: the newest thousand, in
// memory. Any thread; its lock is held for copies only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "server/control.h"

namespace echogw {

enum class EventSeverity : std::uint8_t { kInfo, kWarning, kError };

struct Event {
  std::uint64_t id = 0;  // counts up from 1
  std::chrono::system_clock::time_point time;
  EventSeverity severity = EventSeverity::kInfo;
  // What an operator would call it. Of changes, the verb of echogwctl: "resize", "move",
  // "rebalance", "steer", "drain", "undrain", "close", "log-level". Else "state" (of the gateway),
  // "reactor" (a warning of one) or "stop".
  std::string kind;
  std::string actor;  // the peer of an admin call, "signal" or "gateway"
  std::string message;
  std::uint64_t operation = 0;  // 0: none
};

// The kind of the events of an operation.
[[nodiscard]] const char* EventKind(OperationKind kind);

class EventLog {
 public:
  static constexpr std::size_t kKept = 1000;

  // Fills in the id and the time.
  void Add(Event event);

  struct Batch {
    std::vector<Event> events;
    std::uint64_t dropped = 0;  // forgotten before they could be read
  };
  // Events with an id above `after`, oldest first; of more than `limit` the newest. Events left out
  // for the limit do not count as dropped.
  [[nodiscard]] Batch After(std::uint64_t after, std::size_t limit) const;

 private:
  mutable std::mutex mutex_;
  std::deque<Event> events_;   // under mutex_, by id
  std::uint64_t last_id_ = 0;  // under mutex_
};

}  // namespace echogw
