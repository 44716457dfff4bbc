// The place of this process among the processes of a gateway: what it takes over from the one
// before it, and what it leaves to the next one. Owned by the gateway; its main thread, except
// where a function says otherwise.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/mutex.h"
#include "reactor/base/unique_fd.h"
#include "server/base/socket_lock.h"
#include "server/config/config_loader.h"
#include "server/handover/predecessor.h"
#include "server/handover/process_start.h"
#include "server/handover/sender.h"
#include "server/handover/successor_process.h"
#include "server/log/event_log.h"
#include "server/log/log_control.h"
#include "server/pool/reactor_pool.h"

namespace echogw::server {

class Succession {
 public:
  explicit Succession(ProcessOrder order) : order_(std::move(order)) {}

  // ---- the process before this one ----

  [[nodiscard]] bool follows() const { return order_.predecessor != nullptr; }
  // Of its pool; null if there is none.
  [[nodiscard]] const PoolSockets* sockets() const;
  // Its sockets of the control plane, which the caller owns; empty if it has none by this name.
  [[nodiscard]] std::vector<UniqueFd> Take(handover::Socket::Kind kind, const std::string& name);

  // As AdminServer::Reserve, SocketLock::Acquire and CheckPortIsFree, unless it has them.
  [[nodiscard]] absl::StatusOr<std::unique_ptr<SocketLock>> ReserveAdmin(
      const AdminAddress& address);
  // The locks are held here, until the pool has removed its unix sockets.
  [[nodiscard]] absl::Status LockData(const std::vector<ListenAddress>& listen);
  [[nodiscard]] absl::Status CheckMetricsPort(const std::optional<ListenAddress>& address);

  // This process cannot start. Returns if there is no process before it; else that one serves on,
  // and this one ends.
  void Refuse(const absl::Status& why);
  // Waits to be told to serve, and takes its place. Ends this process if that is not to be.
  void TakeOver(ReactorPool& pool, const LoadedConfig& loaded, EventLog& events,
                LogControl& log_control, LogSink& log);
  // From here on the pool is not used.
  void StopFollowing();

  // ---- the process after this one ----

  // Allows upgrades, if it is known how this process was started. The functions of `source`, whose
  // start is filled in, are called on the pool's control thread.
  void AllowUpgrades(ReactorPool& pool, HandoverSource source);
  [[nodiscard]] std::vector<ControlSocket> DataLocks() const;
  // Control thread: it serves.
  void OnHandedOver(std::unique_ptr<Successor> successor, std::chrono::nanoseconds linger);
  // Any thread.
  [[nodiscard]] bool handed_over() const;

  // Serves the connections that stayed until they end, and reports them to the other process. False
  // if some are left when their time is over.
  [[nodiscard]] bool Linger(ReactorPool& pool, LogSink& log);
  // Any thread.
  void EndLinger();
  // Returns what is left here.
  std::uint64_t Report(ReactorPool& pool) const;

 private:
  const ProcessOrder order_;
  std::vector<std::unique_ptr<SocketLock>> data_locks_;
  std::unique_ptr<SuccessorProcesses> launcher_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::unique_ptr<Successor> successor_ ECHOGW_GUARDED_BY(mutex_);
  std::chrono::nanoseconds linger_ ECHOGW_GUARDED_BY(mutex_){0};
  bool linger_ended_ ECHOGW_GUARDED_BY(mutex_) = false;
};

}  // namespace echogw::server
