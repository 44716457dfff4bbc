// A thread that makes calls one after another. What must not wait for each other gets a lane of its
// own. Owned by AdminCaller.
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
  // More than an operator can mean at once.
  static constexpr std::size_t kMostWaiting = 16;

  CallLane();
  // Cancels the call under way, forgets the others, and waits for the thread.
  ~CallLane();
  CallLane(const CallLane&) = delete;
  CallLane& operator=(const CallLane&) = delete;

  // Any thread. False when too many wait already.
  [[nodiscard]] bool Add(Job job);
  // Any thread. Cancels the call under way, forgets those that wait and does this one.
  void Replace(Job job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  // All under mutex_; the call lives on the thread's stack.
  bool stopping_ = false;
  grpc::ClientContext* call_ = nullptr;
  std::deque<Job> jobs_;
  std::thread thread_;
};

}  // namespace echogw::ctl::top
