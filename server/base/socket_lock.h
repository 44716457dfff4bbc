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

  // Removes the lock file, then releases the lock.
  ~SocketLock();

 private:
  SocketLock(UniqueFd fd, std::string lock_path);

  UniqueFd fd_;
  const std::string lock_path_;
};

}  // namespace echogw::server
