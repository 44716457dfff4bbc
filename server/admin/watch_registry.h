// The streams that watch something, so that their number is bounded and the server can end them,
// and the thread that gives them their beat. Owned by the admin service. Any thread.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "server/base/timer_thread.h"

namespace echogw::server {

// One stream, as the registry sees it.
class Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  virtual ~Watch() = default;

  // The stream ends soon with `status`, unless it ends for another reason first.
  virtual void End(const grpc::Status& status) = 0;
};

class WatchRegistry {
 public:
  explicit WatchRegistry(std::size_t watches_max) : watches_max_(watches_max) {}

  // ResourceExhausted when there are too many, Unavailable after EndAll.
  [[nodiscard]] absl::Status Add(const std::shared_ptr<Watch>& watch);
  // Harmless for one that was not added.
  void Remove(const Watch* watch);
  // Ends every stream, and refuses new ones from then on.
  void EndAll();

  [[nodiscard]] std::size_t size() const;

  [[nodiscard]] TimerThread& timers() { return timers_; }

 private:
  const std::size_t watches_max_;
  mutable std::mutex mutex_;
  bool closed_ = false;
  // Not owned: a stream owns itself until gRPC is done with it.
  std::map<const Watch*, std::weak_ptr<Watch>> watches_;
  TimerThread timers_;
};

}  // namespace echogw::server
