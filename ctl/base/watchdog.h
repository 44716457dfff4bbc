// Ends a stream that is silent for too long: gRPC's deadline covers its whole life. Owns a thread;
// used by the thread that reads the stream.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "ctl/base/duration.h"

namespace echogw::ctl {

class Watchdog {
 public:
  // Calls `bite` once, on its own thread, when `limit` passes without Feed() or Stop().
  Watchdog(Duration limit, std::function<void()> bite);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Restarts the limit.
  void Feed();
  // From here on, calls `is_alive` on its own thread when the limit passes, and `bite` only if that
  // is false.
  void AskBefore(std::function<bool()> is_alive);
  void Stop();
  [[nodiscard]] bool has_bitten() const;

 private:
  void Run();

  const Duration limit_;
  const std::function<void()> bite_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_.
  std::chrono::steady_clock::time_point due_;
  bool stopped_ = false;
  bool bitten_ = false;
  std::function<bool()> is_alive_;
  std::thread thread_;
};

}  // namespace echogw::ctl
