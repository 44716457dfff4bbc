#include "server/admin/call_threads.h"

#include <system_error>
#include <utility>

namespace echogw::server {

CallThreads::CallThreads(std::size_t threads_max) : threads_max_(threads_max) {
  threads_.emplace_back(&CallThreads::Run, this);
}

CallThreads::~CallThreads() {
  Stop();
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

bool CallThreads::Submit(const std::string& caller, Call call) {
  const MutexLock lock(mutex_);
  if (stopped_ || waiting_count_ >= kWaitingMax) return false;
  std::deque<Call>& own = waiting_[caller];
  if (own.size() >= kWaitingPerCallerMax) return false;
  own.push_back(std::move(call));
  if (++waiting_count_ > idle_) AddThread();
  changed_.NotifyOne();
  return true;
}

void CallThreads::AddThread() {
  if (threads_.size() >= threads_max_) return;
  try {
    threads_.emplace_back(&CallThreads::Run, this);
  } catch (const std::system_error&) {
    // A limit on threads: the call waits for one of those that there are.
  }
}

void CallThreads::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

CallThreads::Call CallThreads::Next() {
  auto next = waiting_.upper_bound(last_caller_);
  if (next == waiting_.end()) next = waiting_.begin();
  Call call = std::move(next->second.front());
  next->second.pop_front();
  --waiting_count_;
  last_caller_ = next->first;
  if (next->second.empty()) waiting_.erase(next);
  return call;
}

void CallThreads::Run() {
  for (;;) {
    Call call;
    bool run = false;
    {
      const MutexLock lock(mutex_);
      ++idle_;
      while (!stopped_ && waiting_.empty()) changed_.Wait(mutex_);
      --idle_;
      if (waiting_.empty()) return;
      call = Next();
      run = !stopped_;
    }
    call(run);
  }
}

}  // namespace echogw::server
