#include "server/admin/call_thread.h"

#include <utility>

namespace echogw::server {

CallThread::CallThread() : thread_(&CallThread::Run, this) {}

CallThread::~CallThread() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
  }
  changed_.NotifyOne();
  thread_.join();
}

bool CallThread::Submit(std::function<void()> call) {
  {
    const MutexLock lock(mutex_);
    if (calls_.size() >= kWaitingMax) return false;
    calls_.push_back(std::move(call));
  }
  changed_.NotifyOne();
  return true;
}

void CallThread::Run() {
  for (;;) {
    std::function<void()> call;
    {
      const MutexLock lock(mutex_);
      while (!ending_ && calls_.empty()) changed_.Wait(mutex_);
      if (calls_.empty()) return;
      call = std::move(calls_.front());
      calls_.pop_front();
    }
    call();
  }
}

}  // namespace echogw::server
