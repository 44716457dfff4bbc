#include "server/pool/operation_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "server/pool/kernel_counters.h"

namespace echogw::server {

Operation OperationLog::Begin(Operation operation) {
  operation.kernel_before = ReadKernelCounters();
  operation.kernel_after = operation.kernel_before;
  operation.start_time = std::chrono::system_clock::now();
  operation.result = OperationResult::kRunning;
  const SteadyTime now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  operation.id = next_id_++;
  operation.version = 1;
  entries_.push_back({operation, now, now});
  if (entries_.size() > kKept) entries_.pop_front();
  return operation;
}

OperationLog::Entry& OperationLog::Find(std::uint64_t id) {
  const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                  [id](const Entry& e) { return e.operation.id == id; });
  CHECK(found != entries_.rend());
  return *found;
}

void OperationLog::EndPhase(Entry& entry, SteadyTime now) {
  if (entry.operation.phase.empty()) return;
  entry.operation.phases.push_back({entry.operation.phase, now - entry.phase_begun});
}

void OperationLog::BeginPhase(std::uint64_t id, const std::string& name) {
  const SteadyTime now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  Entry& entry = Find(id);
  EndPhase(entry, now);
  entry.operation.phase = name;
  entry.phase_begun = now;
  ++entry.operation.version;
}

Operation OperationLog::Finish(std::uint64_t id, OperationResult result,
                               const std::string& message) {
  const KernelCounters kernel = ReadKernelCounters();
  const SteadyTime now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  Entry& entry = Find(id);
  EndPhase(entry, now);
  entry.operation.result = result;
  entry.operation.message = message;
  entry.operation.kernel_after = kernel;
  entry.operation.elapsed = now - entry.begun;
  ++entry.operation.version;
  return entry.operation;
}

std::vector<Operation> OperationLog::All() const {
  const MutexLock lock(mutex_);
  std::vector<Operation> out;
  for (const Entry& entry : entries_) out.push_back(entry.operation);
  return out;
}

void OperationLog::Restore(std::vector<Operation> operations) {
  const auto wall = std::chrono::system_clock::now();
  const SteadyTime now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  entries_.clear();
  for (Operation& operation : operations) {
    next_id_ = std::max(next_id_, operation.id + 1);
    const SteadyTime begun =
        now - std::chrono::duration_cast<std::chrono::nanoseconds>(wall - operation.start_time);
    entries_.push_back({std::move(operation), begun, now});
  }
}

absl::StatusOr<Operation> OperationLog::Get(std::uint64_t id) const {
  const MutexLock lock(mutex_);
  if (entries_.empty()) return absl::NotFoundError("there has been no operation yet");
  const auto found = id == 0 ? entries_.rbegin()
                             : std::find_if(entries_.rbegin(), entries_.rend(),
                                            [id](const Entry& e) { return e.operation.id == id; });
  if (found == entries_.rend()) {
    return absl::NotFoundError(absl::StrCat("no operation ", id, "; the last ", entries_.size(),
                                            " are kept, up to ", entries_.back().operation.id));
  }
  Operation copy = found->operation;
  if (copy.result == OperationResult::kRunning) {
    copy.elapsed = std::chrono::steady_clock::now() - found->begun;
  }
  return copy;
}

}  // namespace echogw::server
