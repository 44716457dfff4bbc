// ThreadGroup: the threads of one load: started together, pinned, and joined. Owned by the load;
// its calls belong to the owner's thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "ctl/engine/options.h"

namespace echogw::ctl::load {

// INVALID_ARGUMENT for a CPU that this process may not run on.
[[nodiscard]] absl::Status CheckCpus(const std::vector<int>& cpus);

class ThreadGroup {
 public:
  ThreadGroup() = default;
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;
  ~ThreadGroup() { Join(); }

  // Runs body(i) on a thread of its own for each `i` below `count`, pinned to cpus[i % size] unless
  // `cpus` is empty. RESOURCE_EXHAUSTED when the system has no more threads; the first started()
  // run then.
  [[nodiscard]] absl::Status Start(std::size_t count, const std::vector<int>& cpus,
                                   const std::function<void(std::size_t)>& body);
  [[nodiscard]] std::size_t started() const { return threads_.size(); }
  // Waits until all have ended; false when `timeout` passed first.
  [[nodiscard]] bool WaitDone(std::chrono::nanoseconds timeout);
  void Join();

 private:
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable ended_;
  // Threads that have not ended. Under mutex_.
  std::size_t running_ = 0;
};

// Lets the threads of a load start their traffic together, once each has opened its connections.
// All calls are safe on any thread.
class StartGate {
 public:
  // Opens when `threads` have arrived.
  explicit StartGate(std::size_t threads) : missing_(threads) {}

  // Blocks until all have arrived, and returns the time at which the gate opened.
  LoadTime ArriveAndWait();
  // Counts `threads` that will never come as arrived.
  void Abandon(std::size_t threads);
  // False when `timeout` passed first.
  [[nodiscard]] bool WaitOpen(std::chrono::nanoseconds timeout);

 private:
  void ArriveLocked(std::size_t threads);

  std::mutex mutex_;
  std::condition_variable opened_;
  std::size_t missing_;
  LoadTime opened_at_;
};

}  // namespace echogw::ctl::load
