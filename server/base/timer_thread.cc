#include "server/base/timer_thread.h"

namespace echogw::server {

using std::chrono::steady_clock;

TimerThread::TimerThread() : thread_(&TimerThread::Run, this) {}

TimerThread::~TimerThread() { Stop(); }

void TimerThread::Stop() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

std::uint64_t TimerThread::At(Time when, std::function<void()> run) {
  return Add(when, {.run = std::move(run)});
}

std::uint64_t TimerThread::Every(Interval interval, std::function<void()> run) {
  return Add(steady_clock::now() + interval, {.run = std::move(run), .every = interval});
}

std::uint64_t TimerThread::Add(Time when, Timer timer) {
  const MutexLock lock(mutex_);
  const std::uint64_t number = ++last_;
  waiting_.emplace(std::pair(when, number), std::move(timer));
  time_of_.emplace(number, when);
  changed_.NotifyAll();
  return number;
}

void TimerThread::FireNow(std::uint64_t timer) {
  const MutexLock lock(mutex_);
  const auto found = time_of_.find(timer);
  if (found == time_of_.end()) return;
  auto node = waiting_.extract({found->second, timer});
  node.key().first = found->second = Time::min();
  waiting_.insert(std::move(node));
  changed_.NotifyAll();
}

void TimerThread::Cancel(std::uint64_t timer) {
  if (timer == 0) return;
  const MutexLock lock(mutex_);
  if (const auto found = time_of_.find(timer); found != time_of_.end()) {
    waiting_.erase({found->second, timer});
    time_of_.erase(found);
  }
  if (running_ == timer) cancelled_ = timer;
  while (running_ == timer) changed_.Wait(mutex_);
}

void TimerThread::Run() {
  mutex_.Lock();
  while (!stop_) {
    const auto first = waiting_.begin();
    if (first == waiting_.end()) {
      changed_.Wait(mutex_);
      continue;
    }
    if (const Time due = first->first.first; due > steady_clock::now()) {
      changed_.WaitUntil(mutex_, due);
      continue;
    }
    auto node = waiting_.extract(first);
    const std::uint64_t timer = node.key().second;
    const Interval every = node.mapped().every;
    time_of_.erase(timer);
    running_ = timer;
    mutex_.Unlock();
    node.mapped().run();
    mutex_.Lock();
    running_ = 0;
    if (every != Interval::zero() && cancelled_ != timer) {
      node.key().first = steady_clock::now() + every;
      time_of_.emplace(timer, node.key().first);
      waiting_.insert(std::move(node));
    }
    changed_.NotifyAll();
  }
  mutex_.Unlock();
}

}  // namespace echogw::server
