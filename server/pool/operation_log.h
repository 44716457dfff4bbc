// The operations of the pool: the one that runs, and those that ended not long ago. Any thread; its
// own lock, held for copies only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/statusor.h"
#include "reactor/base/mutex.h"
#include "server/pool/control.h"

namespace echogw::server {

class OperationLog {
 public:
  // Ended operations that can still be asked for.
  static constexpr std::size_t kKept = 64;

  // Enters `operation` as running: gives it the next id, its start time and the kernel's counters.
  Operation Begin(Operation operation);

  // Ends the phase under way, if any, and begins another.
  void BeginPhase(std::uint64_t id, const std::string& name);

  // Applies `change` to the operation, which must be running.
  template <typename Change>
  void Update(std::uint64_t id, Change change) {
    const MutexLock lock(mutex_);
    Entry& entry = Find(id);
    change(entry.operation);
    ++entry.operation.version;
  }

  // Ends it: the last phase, its times, and the kernel's counters.
  Operation Finish(std::uint64_t id, OperationResult result, const std::string& message);

  // `id` 0 is the newest. NotFound if there is none such or it was too long ago.
  [[nodiscard]] absl::StatusOr<Operation> Get(std::uint64_t id) const;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Entry {
    Operation operation;
    SteadyTime begun;
    SteadyTime phase_begun;
  };

  // The id must be of an operation in entries_.
  Entry& Find(std::uint64_t id) ECHOGW_REQUIRES(mutex_);
  static void EndPhase(Entry& entry, SteadyTime now);

  mutable Mutex mutex_;
  std::deque<Entry> entries_ ECHOGW_GUARDED_BY(mutex_);  // oldest first
  std::uint64_t next_id_ ECHOGW_GUARDED_BY(mutex_) = 1;
};

}  // namespace echogw::server
