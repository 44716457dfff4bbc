#include "server/succession.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/base/clock.h"
#include "reactor/net/socket.h"
#include "server/admin/admin_server.h"
#include "server/base/build_info.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;

// How often a process that has handed over tells what it counts.
constexpr std::chrono::milliseconds kReportInterval(200);

}  // namespace

// ---- the process before this one ----

const PoolSockets* Succession::sockets() const {
  return follows() ? &order_.predecessor->sockets() : nullptr;
}

std::vector<UniqueFd> Succession::Take(handover::Socket::Kind kind, const std::string& name) {
  return follows() ? order_.predecessor->Take(kind, name) : std::vector<UniqueFd>();
}

absl::StatusOr<std::unique_ptr<SocketLock>> Succession::ReserveAdmin(const AdminAddress& address) {
  if (!follows() || !order_.predecessor->Has(handover::Socket::KIND_ADMIN, address.ToString())) {
    return AdminServer::Reserve(address);
  }
  return order_.predecessor->TakeLock(handover::Socket::KIND_ADMIN_LOCK, address.unix_path);
}

absl::Status Succession::LockData(const std::vector<ListenAddress>& listen) {
  for (const ListenAddress& address : listen) {
    if (!address.is_unix()) continue;
    std::unique_ptr<SocketLock> lock;
    if (follows()) {
      lock = order_.predecessor->TakeLock(handover::Socket::KIND_DATA_LOCK, address.unix_path);
    }
    if (lock == nullptr) {
      auto held = SocketLock::Acquire(address.unix_path);
      if (!held.ok()) return held.status();
      lock = *std::move(held);
    }
    data_locks_.push_back(std::move(lock));
  }
  return absl::OkStatus();
}

absl::Status Succession::CheckMetricsPort(const std::optional<ListenAddress>& address) {
  if (!address ||
      (follows() && order_.predecessor->Has(handover::Socket::KIND_METRICS, address->ToString()))) {
    return absl::OkStatus();
  }
  return CheckPortIsFree(*address);
}

void Succession::Refuse(const absl::Status& why) {
  if (follows()) order_.predecessor->Refuse(std::string(why.message()));
}

void Succession::TakeOver(ReactorPool& pool, const LoadedConfig& loaded, EventLog& events,
                          LogControl& log_control, LogSink& log) {
  Taken taken = order_.predecessor->AwaitCommit(
      loaded, pool.takeover().Unknown(order_.predecessor->sockets()), log);
  events.Restore(taken.events, taken.last_event);
  for (const auto& [level, console] :
       {std::pair{taken.log_level_console, true}, std::pair{taken.log_level_file, false}}) {
    if (level.empty()) continue;
    const absl::Status set = log_control.SetLevels(console, !console, level);
    if (!set.ok()) log.Write(LogLevel::kWarning, std::string(set.message()));
  }
  const std::uint64_t connections = CountConnections(taken.connections);
  pool.TakeOver(taken.state, std::move(taken.connections));
  const std::chrono::nanoseconds pause(
      taken.orphaned ? 0 : SystemClock().Now() - taken.state.quiesced_at);
  std::vector<CounterSnapshot> counted;
  for (const SlotState& slot : taken.state.slots) counted.push_back(slot.counters);
  order_.predecessor->Follow(std::move(counted),
                             [&pool](std::uint32_t slot, const CounterSnapshot& counters) {
                               pool.takeover().SetBase(slot, counters);
                             });
  const std::string message =
      UpgradeMessage(ProcessName(static_cast<std::uint32_t>(::getpid()), GetBuildInfo().version),
                     connections, pause);
  log.Write(LogLevel::kInfo,
            absl::StrCat("took over from ", order_.predecessor->name(), ": ", message));
  pool.takeover().EndOperation(taken.state.operation, connections, pause, message);
  if (loaded.config.reactors == order_.predecessor->reactors_configured()) return;
  const auto resized = pool.Resize({.target = loaded.config.reactors});
  if (!resized.ok()) log.Write(LogLevel::kWarning, resized.status().ToString());
}

void Succession::StopFollowing() {
  if (follows()) order_.predecessor->StopFollowing();
}

// ---- the process after this one ----

void Succession::AllowUpgrades(ReactorPool& pool, HandoverSource source) {
  if (!order_.start) return;
  source.start = *order_.start;
  launcher_ = std::make_unique<SuccessorProcesses>(std::move(source));
  pool.takeover().SetLauncher(*launcher_);
}

std::vector<ControlSocket> Succession::DataLocks() const {
  std::vector<ControlSocket> out;
  for (const auto& lock : data_locks_) {
    out.push_back({handover::Socket::KIND_DATA_LOCK, lock->fd(), lock->path()});
  }
  return out;
}

void Succession::OnHandedOver(std::unique_ptr<Successor> successor,
                              std::chrono::nanoseconds linger) {
  const std::vector<std::string> dropped = successor->addresses_dropped();
  for (const auto& lock : data_locks_) {
    if (std::ranges::count(dropped, absl::StrCat("unix:", lock->path())) == 0) lock->Release();
  }
  const MutexLock lock(mutex_);
  successor_ = std::move(successor);
  linger_ = linger;
}

bool Succession::handed_over() const {
  const MutexLock lock(mutex_);
  return successor_ != nullptr;
}

bool Succession::Linger(ReactorPool& pool, LogSink& log) {
  std::uint64_t left = Report(pool);
  if (left > 0) {
    log.Write(LogLevel::kInfo, absl::StrCat("serving ", left, " connections that cannot move"));
  }
  const auto begun = steady_clock::now();
  for (; left > 0; left = Report(pool)) {
    const MutexLock lock(mutex_);
    if (linger_ended_ || steady_clock::now() >= begun + linger_) return false;
    (void)changed_.WaitUntil(mutex_, steady_clock::now() + kReportInterval);
  }
  return true;
}

void Succession::EndLinger() {
  const MutexLock lock(mutex_);
  linger_ended_ = true;
  changed_.NotifyAll();
}

std::uint64_t Succession::Report(ReactorPool& pool) const {
  std::vector<CounterSnapshot> counters;
  for (const ReactorStats& reactor : pool.Stats().reactors) counters.push_back(reactor.counters);
  Successor* successor = nullptr;
  {
    const MutexLock lock(mutex_);
    successor = successor_.get();
  }
  // It stays until this object ends. It may take seconds, which a signal does not wait for.
  (void)successor->Report(counters);
  return pool.takeover().Remaining();
}

}  // namespace echogw::server
