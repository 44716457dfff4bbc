#include "server/base/timer_thread.h"

namespace echogw::server {

TimerThread::TimerThread() : thread_(&TimerThread::Run, this) {}

TimerThread::~TimerThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::uint64_t TimerThread::At(Time when, std::function<void()> run) {
  std::uint64_t timer = 0;
  {
    const std::lock_guard lock(mutex_);
    timer = ++last_;
    waiting_.emplace(std::pair(when, timer), std::move(run));
    time_of_.emplace(timer, when);
  }
  changed_.notify_one();
  return timer;
}

void TimerThread::FireNow(std::uint64_t timer) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = time_of_.find(timer);
    if (found == time_of_.end()) return;
    auto node = waiting_.extract({found->second, timer});
    node.key().first = found->second = Time::min();
    waiting_.insert(std::move(node));
  }
  changed_.notify_one();
}

void TimerThread::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = waiting_.begin();
    if (const Time due = first->first.first; due > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, due);
      continue;
    }
    time_of_.erase(first->first.second);
    const auto node = waiting_.extract(first);
    lock.unlock();
    node.mapped()();
    lock.lock();
  }
}

}  // namespace echogw::server
