#include "server/admin/call_thread.h"

#include <utility>

namespace echogw::server {

CallThread::CallThread() : thread_(&CallThread::Run, this) {}

CallThread::~CallThread() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool CallThread::Submit(std::function<void()> call) {
  {
    const std::scoped_lock lock(mutex_);
    if (calls_.size() >= kWaitingMax) return false;
    calls_.push_back(std::move(call));
  }
  changed_.notify_one();
  return true;
}

void CallThread::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !calls_.empty(); });
    if (calls_.empty()) return;
    const std::function<void()> call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    call();
    lock.lock();
  }
}

}  // namespace echogw::server
