// The role of the reactor's thread: checked by clang at compile time (-Wthread-safety), and at run
// time at the few entry points. ECHOGW_OF(loop_) marks a field of that thread, ECHOGW_ON(loop_) a
// function that must run on it.
#pragma once

#include <pthread.h>

#include <atomic>

#include "reactor/base/check.h"

#if defined(__clang__)
#define ECHOGW_ROLE __attribute__((capability("role")))
#define ECHOGW_OF(role) __attribute__((guarded_by(role)))
#define ECHOGW_ON(role) __attribute__((requires_capability(role)))
#define ECHOGW_ASSERTS __attribute__((assert_capability()))
#else
#define ECHOGW_ROLE
#define ECHOGW_OF(role)
#define ECHOGW_ON(role)
#define ECHOGW_ASSERTS
#endif

namespace echogw {

class ECHOGW_ROLE LoopThread {
 public:
  // Makes the calling thread the reactor's.
  void Bind() {
    self_ = ::pthread_self();
    bound_.store(true, std::memory_order_release);
  }

  // Aborts unless called on the bound thread.
  void Assert() const ECHOGW_ASSERTS {
    CHECK(bound_.load(std::memory_order_acquire));
    CHECK(::pthread_equal(self_, ::pthread_self()) != 0);
  }

 private:
  pthread_t self_{};
  // Writer: Bind, once. Readers: Assert, any thread; acquire makes self_ visible.
  std::atomic<bool> bound_{false};
};

}  // namespace echogw
