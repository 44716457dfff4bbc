// The exclusive right to serve at the path of a unix socket, which a second server could otherwise
// take over silently. Any thread, one at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"

namespace echogw::server {

// Holds an advisory lock on PATH.lock, which the kernel releases when the process ends.
class SocketLock {
 public:
  // AlreadyExists if another process serves at `path`, FailedPrecondition if something that is not
  // a socket is there, else the errno of the call that failed. A stale socket is replaced by the
  // later bind.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SocketLock>> Acquire(const std::string& path);

  // The lock of a process whose place this one takes, through its descriptor.
  [[nodiscard]] static std::unique_ptr<SocketLock> Adopt(const std::string& path, UniqueFd fd);

  // Removes the lock file, then releases the lock.
  ~SocketLock();

  // Its path and descriptor, for another process.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Another process has the lock by now: the file stays.
  void Release() {
    released_ = true;
    fd_.Reset();
  }

 private:
  SocketLock(UniqueFd fd, std::string path);

  UniqueFd fd_;
  const std::string path_;
  bool released_ = false;
};

}  // namespace echogw::server
