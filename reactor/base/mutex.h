// std::mutex and std::condition_variable with clang's thread-safety attributes: -Wthread-safety
// rejects an access to a guarded member without its mutex. Other compilers ignore the attributes.
//
//   class Queue {
//     void Append(int n) ECHOGW_REQUIRES(mutex_);
//     Mutex mutex_;
//     CondVar changed_;
//     std::vector<int> items_ ECHOGW_GUARDED_BY(mutex_);
//   };
//
// clang analyses a lambda as a function of its own, so CondVar takes no predicate: wait in a loop.
//
//   MutexLock lock(mutex_);
//   while (items_.empty()) changed_.Wait(mutex_);
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define ECHOGW_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define ECHOGW_THREAD_ATTRIBUTE(x)
#endif
#define ECHOGW_GUARDED_BY(mutex) ECHOGW_THREAD_ATTRIBUTE(guarded_by(mutex))
#define ECHOGW_REQUIRES(mutex) ECHOGW_THREAD_ATTRIBUTE(requires_capability(mutex))
#define ECHOGW_EXCLUDES(mutex) ECHOGW_THREAD_ATTRIBUTE(locks_excluded(mutex))

namespace echogw {

class ECHOGW_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ECHOGW_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void Unlock() ECHOGW_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class ECHOGW_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ECHOGW_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ECHOGW_THREAD_ATTRIBUTE(release_capability()) { mutex_.Unlock(); }

 private:
  Mutex& mutex_;
};

// The waits release the mutex and hold it again on return. They may wake without a cause.
class CondVar {
 public:
  void Wait(Mutex& mutex) ECHOGW_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // False once the deadline has passed.
  template <typename Clock, typename Duration>
  bool WaitUntil(Mutex& mutex, std::chrono::time_point<Clock, Duration> deadline)
      ECHOGW_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(lock, deadline);
    lock.release();
    return status == std::cv_status::no_timeout;
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace echogw
