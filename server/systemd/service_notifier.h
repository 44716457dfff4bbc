// Notifies the service manager with datagrams to the socket in NOTIFY_SOCKET, see sd_notify(3).
// Without that variable calls have no effect.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"

namespace echogw::server {

// The variables of that name; empty: not set.
struct NotifyVariables {
  std::string socket;         // NOTIFY_SOCKET: a path, or '@' and an abstract name
  std::string watchdog_usec;  // WATCHDOG_USEC: the time without heartbeats that it tolerates
  std::string watchdog_pid;   // WATCHDOG_PID: whose; empty: ours
};

[[nodiscard]] NotifyVariables ReadNotifyVariables();

// Any thread.
class ServiceNotifier {
 public:
  // Notifies nobody.
  ServiceNotifier() = default;
  // InvalidArgument for an invalid address or number.
  [[nodiscard]] static absl::StatusOr<ServiceNotifier> Create(const NotifyVariables& variables);

  // The process serves.
  [[nodiscard]] absl::Status Ready(const std::string& status) const;
  // One line for people.
  [[nodiscard]] absl::Status Status(const std::string& status) const;
  // The process is ending, which takes at most `limit`; overrides the limit of the manager.
  [[nodiscard]] absl::Status Stopping(const std::string& status,
                                      std::chrono::microseconds limit) const;
  [[nodiscard]] absl::Status Alive() const;
  // The process `pid` is the main process of the service from now on.
  [[nodiscard]] absl::Status PassTo(pid_t pid) const;

  // The interval of Alive: half of what the manager tolerates. Unset: no watchdog.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const {
    return watchdog_interval_;
  }

 private:
  [[nodiscard]] absl::Status Send(const std::string& message) const;

  UniqueFd fd_;  // invalid: no manager
  std::string address_;
  std::optional<std::chrono::microseconds> watchdog_interval_;
};

}  // namespace echogw::server
