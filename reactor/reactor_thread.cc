#include "reactor/reactor_thread.h"

#include <sched.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"

namespace echogw {
namespace {

void* RunReactor(void* reactor) {
  static_cast<Reactor*>(reactor)->Run();
  return nullptr;
}

}  // namespace

bool IsCpuAllowed(int cpu) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (cpu < 0 || cpu >= CPU_SETSIZE || ::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
    return true;
  }
  return CPU_ISSET(static_cast<std::size_t>(cpu), &allowed);
}

absl::StatusOr<std::unique_ptr<ReactorThread>> ReactorThread::Start(Reactor& reactor,
                                                                    std::uint32_t id, int cpu) {
  pthread_attr_t attributes;
  CHECK(::pthread_attr_init(&attributes) == 0);
  int error = 0;
  if (cpu >= 0) {
    if (cpu >= CPU_SETSIZE) {
      error = EINVAL;
    } else {
      // Set before the thread starts, so that it never runs elsewhere.
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(static_cast<std::size_t>(cpu), &only);
      error = ::pthread_attr_setaffinity_np(&attributes, sizeof(only), &only);
    }
  }
  std::unique_ptr<ReactorThread> thread(new ReactorThread());
  if (error == 0) error = ::pthread_create(&thread->thread_, &attributes, RunReactor, &reactor);
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    thread->joined_ = true;
    const std::string where = cpu >= 0 ? absl::StrCat(" on CPU ", cpu) : "";
    return absl::ErrnoToStatus(error, absl::StrCat("cannot start reactor ", id, where));
  }
  ::pthread_setname_np(thread->thread_, absl::StrCat("reactor-", id).c_str());
  return thread;
}

ReactorThread::~ReactorThread() { CHECK(joined_); }

void ReactorThread::Join() {
  CHECK(!joined_);
  CHECK(::pthread_join(thread_, nullptr) == 0);
  joined_ = true;
}

}  // namespace echogw
