// A thread that makes calls one after another. Calls that must not wait for each other have
// different lanes. Owned by AdminCaller.
#pragma once

#include <grpcpp/client_context.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace echogw::ctl::top {

class CallLane {
 public:
  // Runs on the lane's thread and makes its call with the context, which another thread may cancel.
  using Job = std::function<void(grpc::ClientContext& call)>;
  // More than an operator sends on purpose.
  static constexpr std::size_t kMostWaiting = 16;

  CallLane();
  // Cancels the current call, drops the others, and joins the thread.
  ~CallLane();
  CallLane(const CallLane&) = delete;
  CallLane& operator=(const CallLane&) = delete;

  // Any thread. False when too many wait already.
  [[nodiscard]] bool Add(Job job);
  // Any thread. Cancels the current call, drops those that wait, and makes this one.
  void Replace(Job job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  // All under mutex_; the call is on the stack of the thread.
  bool stopping_ = false;
  grpc::ClientContext* call_ = nullptr;
  std::deque<Job> jobs_;
  std::thread thread_;
};

}  // namespace echogw::ctl::top
