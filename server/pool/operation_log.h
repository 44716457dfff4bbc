// The running operation of the pool and the last ones that ended. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/mutex.h"
#include "server/pool/control.h"

namespace echogw::server {

class OperationLog {
 public:
  // Ended operations that are kept.
  static constexpr std::size_t kKept = 64;

  // Enters `operation` as running, with the next id, its start time and the kernel's counters.
  Operation Begin(Operation operation);

  // Ends the current phase, if any, and begins another.
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

  // All that are kept, oldest first.
  [[nodiscard]] std::vector<Operation> All() const;
  // In place of what it has: the operations of the process before this one.
  void Restore(std::vector<Operation> operations);

  // `id` 0 is the newest. NotFound if there is no such operation or it is no longer kept.
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
