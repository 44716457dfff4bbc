// ThreadGroup: the threads of one load: started together, pinned, and joined by its owner.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ctl/engine/options.h"

namespace echogw::ctl::load {

// INVALID_ARGUMENT for a CPU that this process may not run on.
[[nodiscard]] inline absl::Status CheckCpus(const std::vector<int>& cpus) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return absl::ErrnoToStatus(errno, "sched_getaffinity");
  }
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) {
      return absl::InvalidArgumentError(
          absl::StrCat("this process may not run on CPU ", cpu, "; see 'taskset -p $$'"));
    }
  }
  return absl::OkStatus();
}

class ThreadGroup {
 public:
  ~ThreadGroup() { Join(); }

  // Runs body(i) on a thread of its own for each `i` below `count`, pinned to cpus[i % size] unless
  // `cpus` is empty. RESOURCE_EXHAUSTED when the system has no more threads; the first started()
  // run then.
  [[nodiscard]] absl::Status Start(std::size_t count, const std::vector<int>& cpus,
                                   const std::function<void(std::size_t)>& body) {
    for (std::size_t i = 0; i < count; ++i) {
      const int cpu = cpus.empty() ? -1 : cpus[i % cpus.size()];
      try {
        const std::lock_guard lock(mutex_);
        threads_.emplace_back([this, i, cpu, body] {
          if (cpu >= 0) PinThisThread(cpu);
          body(i);
          const std::lock_guard ended(mutex_);
          --running_;
          ended_.notify_all();
        });
        ++running_;
      } catch (const std::system_error& error) {
        return absl::ResourceExhaustedError(
            absl::StrCat("cannot start a client thread: ", error.what(), "; use fewer --threads"));
      }
    }
    return absl::OkStatus();
  }
  [[nodiscard]] std::size_t started() const { return threads_.size(); }
  // Waits until all have ended; false when `timeout` passed first.
  [[nodiscard]] bool WaitDone(Duration timeout) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, timeout, [this] { return running_ == 0; });
  }
  void Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  // The CPU was checked; one that went offline since leaves the thread unpinned.
  static void PinThisThread(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable ended_;
  // Threads that have not ended. Under mutex_.
  std::size_t running_ = 0;
};

// Lets the threads of a load start together, once each has its connections. Any thread.
class StartGate {
 public:
  // Opens when `threads` have arrived.
  explicit StartGate(std::size_t threads) : missing_(threads) {}

  // Blocks until all have arrived, and returns the time at which the gate opened.
  LoadTime ArriveAndWait() {
    std::unique_lock lock(mutex_);
    ArriveLocked(1);
    opened_.wait(lock, [this] { return missing_ == 0; });
    return opened_at_;
  }
  // Counts `threads` that will never come as arrived.
  void Abandon(std::size_t threads) {
    const std::lock_guard lock(mutex_);
    ArriveLocked(threads);
  }
  // False when `timeout` passed first.
  [[nodiscard]] bool WaitOpen(Duration timeout) {
    std::unique_lock lock(mutex_);
    return opened_.wait_for(lock, timeout, [this] { return missing_ == 0; });
  }

 private:
  void ArriveLocked(std::size_t threads) {
    missing_ -= threads;
    if (missing_ > 0) return;
    opened_at_ = LoadClock::now();
    opened_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable opened_;
  std::size_t missing_;
  LoadTime opened_at_;
};

}  // namespace echogw::ctl::load
