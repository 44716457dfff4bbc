#include "server/systemd/socket_activation.h"

#include <fcntl.h>

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "reactor/options.h"
#include "server/systemd/manager_variable.h"

namespace echogw::server {
ListenVariables ReadListenVariables() {
  return {ManagerVariable("LISTEN_PID"), ManagerVariable("LISTEN_FDS"),
          ManagerVariable("LISTEN_FDNAMES")};
}

absl::StatusOr<std::vector<InheritedListener>> PassedListeners(const ListenVariables& variables,
                                                               pid_t self, int first) {
  std::vector<InheritedListener> out;
  std::int64_t pid = 0;
  // Inherited from a parent process: not for us, and not an error.
  if (!absl::SimpleAtoi(variables.pid, &pid) || pid != self) return out;
  std::uint32_t count = 0;
  if (!absl::SimpleAtoi(variables.fds, &count) || count > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("LISTEN_FDS: '", variables.fds, "' is not a number from 0 to ", kReactorsMax));
  }
  const std::vector<std::string> names = absl::StrSplit(variables.names, ':');
  for (std::uint32_t i = 0; i < count; ++i) {
    const int fd = first + static_cast<int>(i);
    auto listener = InspectListener(fd);
    if (!listener.ok()) {
      const std::string name =
          i < names.size() && !names[i].empty() ? absl::StrCat(" (", names[i], ")") : "";
      return absl::InvalidArgumentError(absl::StrCat("the passed descriptor ", fd, name, " ",
                                                     std::string(listener.status().message())));
    }
    // On failure a child process would inherit it, and there are none.
    static_cast<void>(::fcntl(fd, F_SETFD, FD_CLOEXEC));
    out.push_back(*std::move(listener));
  }
  return out;
}

}  // namespace echogw::server
