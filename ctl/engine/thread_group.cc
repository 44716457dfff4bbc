#include "ctl/engine/thread_group.h"

#include <pthread.h>
#include <sched.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace echogw::ctl::load {

namespace {

// The CPU was checked; one that went offline since leaves the thread unpinned.
void PinThisThread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

}  // namespace

absl::Status CheckCpus(const std::vector<int>& cpus) {
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

absl::Status ThreadGroup::Start(std::size_t count, const std::vector<int>& cpus,
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

bool ThreadGroup::WaitDone(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, timeout, [this] { return running_ == 0; });
}

void ThreadGroup::Join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

LoadTime StartGate::ArriveAndWait() {
  std::unique_lock lock(mutex_);
  ArriveLocked(1);
  opened_.wait(lock, [this] { return missing_ == 0; });
  return opened_at_;
}

void StartGate::Abandon(std::size_t threads) {
  const std::lock_guard lock(mutex_);
  ArriveLocked(threads);
}

bool StartGate::WaitOpen(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  return opened_.wait_for(lock, timeout, [this] { return missing_ == 0; });
}

void StartGate::ArriveLocked(std::size_t threads) {
  missing_ -= threads;
  if (missing_ > 0) return;
  opened_at_ = LoadClock::now();
  opened_.notify_all();
}

}  // namespace echogw::ctl::load
