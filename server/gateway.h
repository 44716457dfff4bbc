// The composition root: the only place that decides the order of start and stop.
//
// Start:  reserve the ports, start the log, bind and start the reactors, then serve the exporter
//         and the admin API. No reactor runs before every port is known to be free. In the place of
//         another process: the same with its sockets, but nothing serves until that one says so.
// Stop:   refuse changes by RPC, drain, stop the admin server, the pool and last the exporter, so
//         that the end can be observed; then flush the log.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/mutex.h"
#include "server/base/socket_lock.h"
#include "server/base/timer_thread.h"
#include "server/config/config_loader.h"
#include "server/gateway_info.h"
#include "server/handover/process_start.h"
#include "server/log/event_log.h"
#include "server/log/reactor_log.h"
#include "server/pool/control.h"
#include "server/pool/reactor_pool.h"
#include "server/systemd/service_link.h"

namespace echogw::server {

class AdminAccess;
class AdminCalls;
class AdminServer;
class AdminService;
class DataTls;
class LibraryLogRedirect;
class Logging;
class MetricsAccess;
class MetricsServer;
class Succession;
struct ControlSocket;
struct HandoverSource;

// What a service manager passes to the process.
struct ServiceManager {
  NotifyVariables notify;
  // These precede the configured addresses, and replace the default one. The descriptors stay open
  // for the life of the gateway.
  std::vector<InheritedListener> listeners;
};

class Gateway {
 public:
  // On return the gateway serves and the service manager is notified. Called by the main thread,
  // which must not be pinned; all threads inherit its signal mask. Errors name the address or the
  // file, and leave nothing running. With a predecessor it returns when this process was told to
  // serve; if it cannot, or is not to, the process ends.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Gateway>> Start(const LoadedConfig& loaded,
                                                                      ServiceManager manager = {},
                                                                      ProcessOrder order = {});

  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  // Stops without a drain, unless it is stopped.
  ~Gateway();

  // With real ports.
  [[nodiscard]] std::vector<std::string> listen_addresses() const;
  [[nodiscard]] std::string admin_address() const;
  [[nodiscard]] std::string metrics_address() const;  // empty: off
  [[nodiscard]] GatewayInfo Info() const;

  [[nodiscard]] Control& control() { return *pool_; }
  [[nodiscard]] EventLog& events() { return events_; }

  // Any thread; returns at once. `reason` is for the log.
  void RequestStop(const std::string& reason);

  // Waits for RequestStop, drains as configured and stops; or for the end of an upgrade, leaves
  // the service to the other process and stops. The thread that called Start, once.
  void AwaitStop();

  // Flushes the log. False if a destination blocks, or an admin call that did not end: then the
  // process should end without running destructors. After AwaitStop.
  [[nodiscard]] bool CloseLog();
  // At SIGHUP. Any thread.
  void ReopenLog();

 private:
  Gateway(const LoadedConfig& loaded, ServiceManager manager, ProcessOrder order);

  [[nodiscard]] absl::Status StartAll();
  [[nodiscard]] absl::Status StartMetrics(std::size_t connections_max);
  [[nodiscard]] absl::Status StartAdmin(std::unique_ptr<SocketLock> lock,
                                        std::size_t connections_max);
  void OnState(GatewayState state);
  [[nodiscard]] std::vector<ControlSocket> ControlSockets() const;
  [[nodiscard]] HandoverSource WhatIsHandedOver();
  // Another process serves: what stayed here is served until it ends.
  void Leave();
  void OnOperation(const Operation& operation);
  void Drain();
  void AwaitOperation(std::uint64_t id);
  void StopAdmin();
  void StopAll();

  const LoadedConfig loaded_;
  const ServiceManager manager_;

  // In start order, so that destruction is in reverse order.
  EventLog events_;
  std::unique_ptr<Logging> log_;
  std::unique_ptr<ReactorLog> reactor_log_;
  std::unique_ptr<LibraryLogRedirect> library_log_;
  // Watches files and beats for the service manager; its functions may block.
  TimerThread timers_;
  std::unique_ptr<DataTls> data_tls_;
  std::unique_ptr<Succession> succession_;
  std::unique_ptr<ReactorPool> pool_;
  std::unique_ptr<AdminAccess> access_;
  std::unique_ptr<AdminCalls> calls_;
  std::unique_ptr<MetricsAccess> metrics_access_;
  std::unique_ptr<MetricsServer> metrics_;
  SharedGatewayInfo info_;
  std::unique_ptr<AdminService> service_;

  std::unique_ptr<ServiceLink> link_;

  // Held while a state is set and reported, so that the last report is that of the last state.
  Mutex state_mutex_;
  // Changed under state_mutex_ once reactors run, by the thread that starts and stops the gateway.
  std::unique_ptr<AdminServer> admin_;
  // Writer: the pool's control thread, under state_mutex_. Readers: threads of the exporter.
  std::atomic<GatewayState> state_{GatewayState::kStarting};

  bool stuck_ = false;  // an admin call; of the thread that stops

  Mutex stop_mutex_;
  CondVar stop_changed_;
  bool stop_ ECHOGW_GUARDED_BY(stop_mutex_) = false;
  Operation last_ended_ ECHOGW_GUARDED_BY(stop_mutex_);
};

}  // namespace echogw::server
