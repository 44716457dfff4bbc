// Tells the service manager how the gateway is, as sd_notify(3) has it: datagrams to the socket
// that NOTIFY_SOCKET names. Without that variable every call does nothing.
#pragma once

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
  std::string watchdog_usec;  // WATCHDOG_USEC: silence that the manager takes for death
  std::string watchdog_pid;   // WATCHDOG_PID: whose; empty: ours
};

[[nodiscard]] NotifyVariables ReadNotifyVariables();

// Any thread.
class ServiceNotifier {
 public:
  // Tells nobody.
  ServiceNotifier() = default;
  // InvalidArgument for an address or a number that makes no sense.
  [[nodiscard]] static absl::StatusOr<ServiceNotifier> Create(const NotifyVariables& variables);

  // The process serves.
  [[nodiscard]] absl::Status Ready(const std::string& status) const;
  // One line for people.
  [[nodiscard]] absl::Status Status(const std::string& status) const;
  // The process is about to end, which takes at most `limit`, whatever the manager's own limit.
  [[nodiscard]] absl::Status Stopping(const std::string& status,
                                      std::chrono::microseconds limit) const;
  [[nodiscard]] absl::Status Alive() const;

  // How often to call Alive: twice in the time that the manager waits. Unset: it does not wait.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const {
    return watchdog_interval_;
  }

 private:
  [[nodiscard]] absl::Status Send(const std::string& message) const;

  UniqueFd fd_;  // invalid: nobody wants to know
  std::string address_;
  std::optional<std::chrono::microseconds> watchdog_interval_;
};

}  // namespace echogw::server
