#include "reactor/net/inherited_listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/net/socket_setup.h"
#include "reactor/net/steering.h"

namespace echogw {
namespace {

// Unset if the descriptor is no socket, or one that does not know the option.
std::optional<int> Option(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof(value);
  if (::getsockopt(fd, level, name, &value, &length) != 0) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<InheritedListener> InspectListener(int fd) {
  const auto domain = Option(fd, SOL_SOCKET, SO_DOMAIN);
  if (!domain) return absl::InvalidArgumentError("is no socket");
  const bool inet = *domain == AF_INET || *domain == AF_INET6;
  if (!inet || Option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
      Option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP) {
    return absl::InvalidArgumentError("is no TCP socket");
  }
  const bool dual_stack =
      *domain == AF_INET6 && Option(fd, IPPROTO_IPV6, IPV6_V6ONLY).value_or(1) == 0;
  auto address = LocalAddress(fd, dual_stack);
  if (!address.ok()) return address.status();
  // Only the wildcard serves both; a v6only=0 socket on one address serves that alone.
  address->dual_stack = dual_stack && address->host == "::";
  if (Option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(address->ToString(), " does not listen"));
  }
  if (Option(fd, SOL_SOCKET, SO_REUSEPORT) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(address->ToString(),
                     " lacks SO_REUSEPORT, without which only one reactor "
                     "could listen; in a socket unit, set ReusePort=yes"));
  }
  struct stat status {};
  if (::fstat(fd, &status) != 0) return absl::ErrnoToStatus(errno, "fstat");
  return InheritedListener{fd, *std::move(address), status.st_uid == ::geteuid()};
}

absl::StatusOr<UniqueFd> AdoptListener(const InheritedListener& listener,
                                       const ListenOptions& options) {
  const std::string name = listener.address.ToString();
  UniqueFd fd(::fcntl(listener.fd, F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, absl::StrCat("fcntl of ", name));
  // The flags belong to the socket, so they hold for all its descriptors.
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("fcntl of ", name));
  }
  if (absl::Status s = SetInheritedOptions(fd.get(), options); !s.ok()) return s;
  ReleaseListener(fd.get());
  return fd;
}

void ReleaseListener(int fd) {
  DetachFilter(fd);
  // Fails only where nothing could have been attached.
  (void)DetachSteering(fd);
}

}  // namespace echogw
