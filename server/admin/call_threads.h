// Runs calls that wait for reactors on threads of its own, so that gRPC's threads never wait and a
// slow call does not delay others. The admin service owns it. Any thread may submit.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "reactor/base/mutex.h"

namespace echogw::server {

class CallThreads {
 public:
  // Calls that may be queued, of one caller and of all.
  static constexpr std::size_t kWaitingPerCallerMax = 64;
  static constexpr std::size_t kWaitingMax = 256;

  // Runs the call, or with false only ends it, because the gateway stops.
  using Call = std::function<void(bool run)>;

  // Threads start when they are needed, the first one at once.
  explicit CallThreads(std::size_t threads_max);
  CallThreads(const CallThreads&) = delete;
  CallThreads& operator=(const CallThreads&) = delete;
  // Stops, and waits for the calls that run.
  ~CallThreads();

  // False when too many wait, and after Stop. Callers take turns: one with many calls delays only
  // its own.
  [[nodiscard]] bool Submit(const std::string& caller, Call call);

  // Ends the calls that wait without running them.
  void Stop();

 private:
  void Run();
  void AddThread() ECHOGW_REQUIRES(mutex_);
  [[nodiscard]] Call Next() ECHOGW_REQUIRES(mutex_);

  const std::size_t threads_max_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::deque<Call>> waiting_ ECHOGW_GUARDED_BY(mutex_);  // by caller
  std::string last_caller_ ECHOGW_GUARDED_BY(mutex_);
  std::size_t waiting_count_ ECHOGW_GUARDED_BY(mutex_) = 0;
  std::size_t idle_ ECHOGW_GUARDED_BY(mutex_) = 0;  // threads
  bool stopped_ ECHOGW_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ECHOGW_GUARDED_BY(mutex_);
};

}  // namespace echogw::server
