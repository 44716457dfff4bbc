#include "server/base/socket_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

std::string LockPath(const std::string& path) { return absl::StrCat(path, ".lock"); }

absl::Status InUse(const std::string& path) {
  return absl::AlreadyExistsError(absl::StrCat("unix:", path, " is served by another process"));
}

// Whether the path still names the locked file: its owner may have removed it meanwhile.
bool IsCurrent(int fd, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

// Detects servers that do not use the lock.
bool HasListener(const std::string& path) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const void* to = &address;
  // EAGAIN: it listens, but its queue is full.
  return ::connect(fd.get(), static_cast<const sockaddr*>(to), sizeof(address)) == 0 ||
         errno == EAGAIN;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketLock>> SocketLock::Acquire(const std::string& path) {
  const std::string lock_path = LockPath(path);
  UniqueFd fd;
  while (!fd.valid()) {
    fd.Reset(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", lock_path));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return InUse(path);
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", lock_path));
    }
    if (!IsCurrent(fd.get(), lock_path)) fd.Reset();
  }
  // From here the destructor cleans up.
  std::unique_ptr<SocketLock> lock(new SocketLock(std::move(fd), path));
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "unix:", path, " is a file that is not a socket; remove it or choose another path"));
    }
    if (HasListener(path)) return InUse(path);
  }
  return lock;
}

std::unique_ptr<SocketLock> SocketLock::Adopt(const std::string& path, UniqueFd fd) {
  return std::unique_ptr<SocketLock>(new SocketLock(std::move(fd), path));
}

SocketLock::SocketLock(UniqueFd fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)) {}

SocketLock::~SocketLock() {
  if (!released_) ::unlink(LockPath(path_).c_str());
}

}  // namespace echogw::server
