// Runs calls that wait for reactors on a thread of its own, so that gRPC's threads never wait. The
// admin service owns it. Any thread may submit.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "reactor/base/mutex.h"

namespace echogw::server {

class CallThread {
 public:
  // Calls that may be queued.
  static constexpr std::size_t kWaitingMax = 64;

  CallThread();
  CallThread(const CallThread&) = delete;
  CallThread& operator=(const CallThread&) = delete;
  // Runs what was submitted, then ends.
  ~CallThread();

  // False when the queue is full.
  [[nodiscard]] bool Submit(std::function<void()> call);

 private:
  void Run();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> calls_ ECHOGW_GUARDED_BY(mutex_);
  bool ending_ ECHOGW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace echogw::server
