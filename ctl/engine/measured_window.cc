#include "ctl/engine/measured_window.h"

#include <time.h>

namespace echogw::ctl::load {

namespace {

// Of the calling thread, user and system; exact, unlike getrusage, which is a tick behind.
std::chrono::nanoseconds ThreadCpuTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

void MeasuredWindow::Begin() {
  begun_ = true;
  cpu_ = ThreadCpuTime();
}

void MeasuredWindow::Close(LoadTime now) {
  if (closed_) return;
  closed_ = true;
  if (!begun_) return;
  measured_ = now - from_;
  cpu_ = ThreadCpuTime() - cpu_;
}

}  // namespace echogw::ctl::load
