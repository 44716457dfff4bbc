// A thread that makes calls one after another. Owned by AdminCaller.
#pragma once

#include <grpcpp/client_context.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace echogw::ctl::top {

class CallLane {
 public:
  // Runs on the lane's thread and makes its call with the context, which another thread may cancel.
  using Job = std::function<void(grpc::ClientContext& call)>;
  // More than an operator sends on purpose.
  static constexpr std::size_t kMostWaiting = 16;

  CallLane() : thread_([this] { Run(); }) {}
  // Cancels the current call, drops the others, and joins the thread.
  ~CallLane() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (call_ != nullptr) call_->TryCancel();
      changed_.notify_all();
    }
    thread_.join();
  }

  // Any thread. False when too many wait already.
  [[nodiscard]] bool Add(Job job) {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= kMostWaiting) return false;
    jobs_.push_back(std::move(job));
    changed_.notify_all();
    return true;
  }
  // Any thread. Cancels the current call, drops those that wait, and makes this one.
  void Replace(Job job) {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
    jobs_.push_back(std::move(job));
    if (call_ != nullptr) call_->TryCancel();
    changed_.notify_all();
  }

 private:
  void Run() {
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

  std::mutex mutex_;
  std::condition_variable changed_;
  // All under mutex_; the call is on the stack of the thread.
  bool stopping_ = false;
  grpc::ClientContext* call_ = nullptr;
  std::deque<Job> jobs_;
  std::thread thread_;
};

}  // namespace echogw::ctl::top
