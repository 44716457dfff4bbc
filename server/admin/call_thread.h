// Runs calls that wait for something on a thread of their own, so that gRPC's threads never do. The
// admin service owns it. Any thread may submit.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace echogw::server {

class CallThread {
 public:
  // Calls that may wait for their turn; an operator's patience ends long before.
  static constexpr std::size_t kWaitingMax = 64;

  CallThread();
  CallThread(const CallThread&) = delete;
  CallThread& operator=(const CallThread&) = delete;
  // Runs what was submitted, then ends.
  ~CallThread();

  // False when too many wait.
  [[nodiscard]] bool Submit(std::function<void()> call);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> calls_;  // under mutex_
  bool ending_ = false;                      // under mutex_
  std::thread thread_;
};

}  // namespace echogw::server
