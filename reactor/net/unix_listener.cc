#include "reactor/net/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace echogw {

absl::StatusOr<UniqueFd> BindUnixListener(const std::string& path, unsigned mode) {
  const auto failed = [&path](const char* call) {
    return absl::ErrnoToStatus(errno, absl::StrCat(call, " unix:", path));
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("unix:", path, " has not 1 to 107 bytes"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed("socket for");
  struct stat info {};
  const bool stale = ::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
  if (stale && ::unlink(path.c_str()) != 0) return failed("unlink");
  const void* to = &address;
  if (::bind(fd.get(), static_cast<const sockaddr*>(to), sizeof(address)) != 0) {
    return failed("bind");
  }
  // Nobody can connect before it listens.
  if (::chmod(path.c_str(), mode) != 0) {
    const absl::Status status = failed("chmod");
    ::unlink(path.c_str());
    return status;
  }
  return fd;
}

}  // namespace echogw
