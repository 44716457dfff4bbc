// Turns SIGINT (Ctrl-C) and SIGTERM into an event for verbs that run until stopped. Owned by main.
//
// Without an armed guard a signal ends the process as it would have without this class. While a
// Guard lives, the first signal sets requested() and calls the guard's function on the signal
// thread; the second ends the process.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace echogw::ctl {

class Interrupt {
 public:
  // Disarms on destruction; afterwards its function neither runs nor will run.
  class [[nodiscard]] Guard {
   public:
    ~Guard() {
      const std::lock_guard lock(owner_.mutex_);
      owner_.armed_ = false;
      owner_.wake_ = nullptr;
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    friend class Interrupt;
    explicit Guard(Interrupt& owner) : owner_(owner) {}
    Interrupt& owner_;
  };

  // Blocks the two signals for this and all later threads and starts the thread that waits for
  // them. Call once, in main, before any other thread exists. Tests do not call it.
  void Install() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    // Detached: it sleeps in sigwait until the process ends, and main keeps this object that long.
    std::thread([this, set] {
      for (;;) {
        int signal_number = 0;
        if (sigwait(&set, &signal_number) != 0) continue;
        const bool first = !requested();
        if (!Trigger() || !first) DieBy(signal_number);
      }
    }).detach();
  }

  // One guard at a time. `wake` must be short and safe on another thread, for example
  // grpc::ClientContext::TryCancel or a write to an eventfd. Called at once when the request came
  // before the guard.
  Guard Arm(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    armed_ = true;
    wake_ = std::move(wake);
    if (requested() && wake_) wake_();
    return Guard(*this);
  }

  // Any thread. True from the first signal on.
  [[nodiscard]] bool requested() const { return requested_.load(std::memory_order_acquire); }

  // What a signal does: true when a guard took it. Any thread; tests use it in place of a signal.
  bool Trigger() {
    const std::lock_guard lock(mutex_);
    if (!armed_) return false;
    requested_.store(true, std::memory_order_release);
    if (wake_) wake_();
    return true;
  }

 private:
  // Ends the process by `signal_number`, so that the parent sees the true cause.
  static void DieBy(int signal_number) {
    std::signal(signal_number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    std::raise(signal_number);
  }

  // Written by Trigger, read by verbs.
  std::atomic<bool> requested_{false};
  std::mutex mutex_;
  // Both under mutex_, which is held while wake_ runs: a guard being destroyed waits for it.
  bool armed_ = false;
  std::function<void()> wake_;
};

}  // namespace echogw::ctl
