// What the service manager is told of the gateway, and when. Owned by the gateway. Any thread.
#pragma once

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
  // A manager that cannot be told is a warning in the log, and then nobody is: the gateway serves
  // its clients in any case.
  ServiceLink(const NotifyVariables& variables, const Control& control,
              ConnectionControl& connections, TimerThread& timers, LogSink& log);
  ServiceLink(const ServiceLink&) = delete;
  ServiceLink& operator=(const ServiceLink&) = delete;
  ~ServiceLink() { EndBeats(); }

  // From here on the manager hears, if it wants to, that every reactor answers; it hears nothing
  // when one does not, and restarts the process. Once, by the thread that calls EndBeats.
  void Ready(const std::string& status);
  // No reactor is asked any more.
  void EndBeats() { timers_.Cancel(heartbeat_); }
  // Before Ready it does nothing.
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
  // Writer: Ready. Readers only decide by it whether anybody waits for their word.
  std::atomic<bool> ready_{false};
  // Whether the last datagram failed, so that a lasting fault is one line. Any thread.
  std::atomic<bool> failing_{false};
  std::uint64_t heartbeat_ = 0;  // of timers_; 0: none
};

}  // namespace echogw::server
