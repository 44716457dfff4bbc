// The right to serve at the path of a unix socket. Without it a second server would silently take
// the path from a live one. Owned by the admin server; any thread, one at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/unique_fd.h"

namespace echogw::server {

// Holds an advisory lock on PATH.lock, which the kernel drops when the process dies in any way.
class SocketLock {
 public:
  // AlreadyExists if another process serves at `path`, FailedPrecondition if something that is not
  // a socket is there, else the errno of the call that failed. A stale socket is fine: whoever
  // binds replaces it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SocketLock>> Acquire(const std::string& path);

  SocketLock(const SocketLock&) = delete;
  SocketLock& operator=(const SocketLock&) = delete;
  // Removes the lock file, then lets the lock go.
  ~SocketLock();

 private:
  SocketLock(UniqueFd fd, std::string lock_path);

  UniqueFd fd_;
  const std::string lock_path_;
};

}  // namespace echogw::server
