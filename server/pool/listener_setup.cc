#include "server/pool/listener_setup.h"

#include <fcntl.h>
#include <sys/select.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/net/socket_setup.h"

namespace echogw::server {

absl::Status CheckWatchable(PollerKind poller, int fd) {
  if (poller != PollerKind::kSelect || fd < FD_SETSIZE) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("select() watches descriptors below ",
                                                   FD_SETSIZE, " only, and ", fd,
                                                   " is the next; use the poller epoll or poll"));
}

absl::Status ReadPort(const UniqueFd& fd, ListenAddress& address) {
  auto real = LocalAddress(fd.get(), address.dual_stack);
  if (!real.ok()) return real.status();
  real->service = address.service;
  address = *std::move(real);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> Duplicate(const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return absl::ErrnoToStatus(errno, "cannot duplicate a socket");
  return copy;
}

absl::Status ApplyListenOptions(int fd, const ListenAddress& address,
                                const ListenOptions& options) {
  absl::Status s = absl::OkStatus();
  if (!address.is_unix()) {
    s = SetInheritedOptions(fd, options);
  } else if (::chmod(address.unix_path.c_str(), options.unix_mode) != 0) {
    s = absl::ErrnoToStatus(errno, address.ToString());
  }
  return s.ok() ? Listen(fd, options, address) : s;
}

}  // namespace echogw::server
