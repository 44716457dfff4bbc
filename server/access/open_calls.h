// Connections of the admin port with a call in progress, by their peer, so that the acceptor does
// not close one of them to make room. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "reactor/base/mutex.h"

namespace echogw::server {

class OpenCalls {
 public:
  // `peer` is "127.0.0.1:4711" or "[::1]:4711".
  void Begin(const std::string& peer) {
    const MutexLock lock(mutex_);
    ++calls_[peer];
  }
  void End(const std::string& peer) {
    const MutexLock lock(mutex_);
    const auto found = calls_.find(peer);
    if (found != calls_.end() && --found->second == 0) calls_.erase(found);
  }
  [[nodiscard]] bool Has(const std::string& peer) const {
    const MutexLock lock(mutex_);
    return calls_.contains(peer);
  }

 private:
  mutable Mutex mutex_;
  std::unordered_map<std::string, std::size_t> calls_ ECHOGW_GUARDED_BY(mutex_);
};

}  // namespace echogw::server
