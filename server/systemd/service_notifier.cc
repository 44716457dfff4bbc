#include "server/systemd/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/systemd/manager_variable.h"

namespace echogw::server {
namespace {

// Two beats per watchdog interval, so that one may be late.
constexpr std::uint64_t kBeats = 2;

absl::StatusOr<std::optional<std::chrono::microseconds>> Interval(
    const NotifyVariables& variables) {
  std::optional<std::chrono::microseconds> none;
  if (variables.watchdog_usec.empty()) return none;
  std::int64_t pid = 0;
  if (!variables.watchdog_pid.empty() &&
      (!absl::SimpleAtoi(variables.watchdog_pid, &pid) || pid != ::getpid())) {
    return none;
  }
  std::uint64_t limit = 0;
  if (!absl::SimpleAtoi(variables.watchdog_usec, &limit) || limit < kBeats) {
    return absl::InvalidArgumentError(
        absl::StrCat("WATCHDOG_USEC: '", variables.watchdog_usec, "' is not a valid time"));
  }
  return std::optional(std::chrono::microseconds(limit / kBeats));
}

}  // namespace

NotifyVariables ReadNotifyVariables() {
  return {ManagerVariable("NOTIFY_SOCKET"), ManagerVariable("WATCHDOG_USEC"),
          ManagerVariable("WATCHDOG_PID")};
}

absl::StatusOr<ServiceNotifier> ServiceNotifier::Create(const NotifyVariables& variables) {
  ServiceNotifier notifier;
  if (variables.socket.empty()) return notifier;
  const std::string& address = variables.socket;
  if ((address[0] != '/' && address[0] != '@') || address.size() < 2 ||
      address.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("NOTIFY_SOCKET: '", address, "' is neither a path nor an abstract name"));
  }
  auto interval = Interval(variables);
  if (!interval.ok()) return interval.status();
  notifier.watchdog_interval_ = *interval;
  notifier.address_ = address;
  notifier.fd_.Reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!notifier.fd_.valid()) return absl::ErrnoToStatus(errno, "socket for NOTIFY_SOCKET");
  return notifier;
}

absl::Status ServiceNotifier::Ready(const std::string& status) const {
  return Send(absl::StrCat("READY=1\nSTATUS=", status));
}

absl::Status ServiceNotifier::Status(const std::string& status) const {
  return Send(absl::StrCat("STATUS=", status));
}

absl::Status ServiceNotifier::Stopping(const std::string& status,
                                       std::chrono::microseconds limit) const {
  return Send(absl::StrCat("STOPPING=1\nEXTEND_TIMEOUT_USEC=", limit.count(), "\nSTATUS=", status));
}

absl::Status ServiceNotifier::Alive() const { return Send("WATCHDOG=1"); }

absl::Status ServiceNotifier::PassTo(pid_t pid) const {
  return Send(absl::StrCat("MAINPID=", pid));
}

// Not connected, so that datagrams reach the new socket of a manager that has restarted.
absl::Status ServiceNotifier::Send(const std::string& message) const {
  if (!fd_.valid()) return absl::OkStatus();
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(static_cast<char*>(to.sun_path), address_.data(), address_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // A manager that does not read must not block us.
  if (::sendto(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               static_cast<const sockaddr*>(static_cast<const void*>(&to)), length) >= 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("NOTIFY_SOCKET ", address_));
}

}  // namespace echogw::server
