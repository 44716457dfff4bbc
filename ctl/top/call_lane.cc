#include "ctl/top/call_lane.h"

#include <utility>

namespace echogw::ctl::top {

CallLane::CallLane() : thread_([this] { Run(); }) {}

CallLane::~CallLane() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (call_ != nullptr) call_->TryCancel();
  }
  changed_.notify_all();
  thread_.join();
}

bool CallLane::Add(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= kMostWaiting) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
  return true;
}

void CallLane::Replace(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
    jobs_.push_back(std::move(job));
    if (call_ != nullptr) call_->TryCancel();
  }
  changed_.notify_all();
}

void CallLane::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    grpc::ClientContext call;
    call_ = &call;
    lock.unlock();
    job(call);
    lock.lock();
    call_ = nullptr;
  }
}

}  // namespace echogw::ctl::top
