#include "ctl/engine/thread_share.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace echogw::ctl::load {

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

std::chrono::nanoseconds ThreadCpuTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void PinThisThread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

}  // namespace echogw::ctl::load
