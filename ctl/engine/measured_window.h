// MeasuredWindow: the measured time of a load, which starts after the warm-up and ends with the
// duration or when the load is stopped. A value; one thread, whose CPU time it takes.
#pragma once

#include <time.h>

#include <chrono>

#include "ctl/engine/options.h"

namespace echogw::ctl::load {

class MeasuredWindow {
 public:
  // The load starts at `start`. A duration of 0 has no end.
  void Open(LoadTime start, Duration warmup, Duration duration) {
    from_ = Later(start, warmup);
    if (duration.count() > 0) until_ = Later(from_, duration);
  }
  // At each turn of the thread.
  void Update(LoadTime now) {
    if (!begun_ && now >= from_) Begin();
  }
  // The load sends nothing more.
  void Close(LoadTime now) {
    if (closed_) return;
    closed_ = true;
    if (!begun_) return;
    measured_ = now - from_;
    cpu_ = ThreadCpuTime() - cpu_;
  }

  [[nodiscard]] bool IsOver(LoadTime now) const { return now >= until_; }
  [[nodiscard]] bool closed() const { return closed_; }
  // The last moment before the end.
  [[nodiscard]] LoadTime last() const { return until_ - Duration(1); }
  // Whether a message that was sent or due at `time` is part of the latencies.
  [[nodiscard]] bool Covers(LoadTime time) const { return time >= from_; }
  // Whether what happens at `now` is part of the counts.
  [[nodiscard]] bool Counts(LoadTime now) const { return !closed_ && now >= from_; }
  // When Update() or IsOver() next has something to report.
  [[nodiscard]] LoadTime NextChange() const { return begun_ ? until_ : from_; }

  // After Close(); 0 when the warm-up was not over.
  [[nodiscard]] LoadTime from() const { return measured_.count() > 0 ? from_ : LoadTime(); }
  [[nodiscard]] Duration measured() const { return measured_; }
  [[nodiscard]] Duration cpu() const { return cpu_; }

 private:
  // Of the calling thread, user and system; exact, unlike getrusage, which is a tick behind.
  static Duration ThreadCpuTime() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
  }

  void Begin() {
    begun_ = true;
    cpu_ = ThreadCpuTime();
  }

  LoadTime from_ = LoadTime::max();
  LoadTime until_ = LoadTime::max();
  bool begun_ = false;
  bool closed_ = false;
  Duration measured_{0};
  // The CPU time of the thread: at the begin, and then in between.
  Duration cpu_{0};
};

}  // namespace echogw::ctl::load
