// The watch streams, so that their number is bounded and the server can end them, and the timers
// that drive them. The admin service owns it. Any thread.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "reactor/base/mutex.h"
#include "server/base/timer_thread.h"

namespace echogw::server {

// One stream, as the registry sees it.
class Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  virtual ~Watch() = default;

  // Ends the stream with `status`, unless it ends for another reason first.
  virtual void End(const grpc::Status& status) = 0;
};

class WatchRegistry {
 public:
  explicit WatchRegistry(std::size_t watches_max) : watches_max_(watches_max) {}

  // ResourceExhausted when there are too many, Unavailable after EndAll.
  [[nodiscard]] absl::Status Add(const std::shared_ptr<Watch>& watch);
  // No effect for a stream that was not added.
  void Remove(const Watch* watch);
  // Ends every stream, and refuses new ones from then on.
  void EndAll();

  [[nodiscard]] std::size_t size() const;

  [[nodiscard]] TimerThread& timers() { return timers_; }

 private:
  const std::size_t watches_max_;
  mutable Mutex mutex_;
  bool closed_ ECHOGW_GUARDED_BY(mutex_) = false;
  // Not owned: a stream owns itself until gRPC is done with it.
  std::map<const Watch*, std::weak_ptr<Watch>> watches_ ECHOGW_GUARDED_BY(mutex_);
  TimerThread timers_;
};

}  // namespace echogw::server
