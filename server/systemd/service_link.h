// Reports the state of the gateway to the service manager. Owned by the gateway. Any thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <string>

#include "reactor/base/log_sink.h"
#include "server/base/timer_thread.h"
#include "server/pool/connection_control.h"
#include "server/pool/control.h"
#include "server/systemd/service_notifier.h"

namespace echogw::server {

class ServiceLink {
 public:
  // If the manager cannot be notified, a warning is logged and the gateway serves without it.
  ServiceLink(const NotifyVariables& variables, const Control& control,
              ConnectionControl& connections, TimerThread& timers, LogSink& log);
  ServiceLink(const ServiceLink&) = delete;
  ServiceLink& operator=(const ServiceLink&) = delete;
  ~ServiceLink() { EndBeats(); }

  // Starts the heartbeats that a watchdog requires. They are sent while every reactor responds;
  // without them the manager restarts the process. Once, by the thread that calls EndBeats.
  void Ready(const std::string& status);
  // On return reactors are no longer queried.
  void EndBeats() { timers_.Cancel(heartbeat_); }
  // The process `pid` serves from here on, and notifies; this one again, if it is its own.
  void PassTo(pid_t pid);
  // No effect before Ready.
  void Status(const std::string& status);
  void Stopping(const std::string& status, std::chrono::nanoseconds limit);

 private:
  void Beat();
  void Sent(const absl::Status& sent);

  const Control& control_;
  ConnectionControl& connections_;
  TimerThread& timers_;
  LogSink& log_;
  ServiceNotifier notifier_;
  // Writer: Ready. Readers: Status; nothing else depends on it.
  std::atomic<bool> ready_{false};
  // Whether the last datagram failed, so that a persistent fault is logged once. Any thread.
  std::atomic<bool> failing_{false};
  std::uint64_t heartbeat_ = 0;  // of timers_; 0: none
};

}  // namespace echogw::server
