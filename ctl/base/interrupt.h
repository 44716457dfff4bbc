// Turns SIGINT (Ctrl-C) and SIGTERM into an event for verbs that run until stopped. Owned by main.
//
// Without an armed guard a signal ends the process as it would have without this class. While a
// Guard lives, the first signal sets requested() and calls the guard's function on the signal
// thread; the second ends the process.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

namespace echogw::ctl {

class Interrupt {
 public:
  // Disarms on destruction; afterwards its function neither runs nor will run.
  class [[nodiscard]] Guard {
   public:
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    friend class Interrupt;
    explicit Guard(Interrupt& owner) : owner_(owner) {}
    Interrupt& owner_;
  };

  Interrupt() = default;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Blocks the two signals for this and all later threads and starts the thread that waits for
  // them. Call once, in main, before any other thread exists. Tests do not call it.
  void Install();

  // One guard at a time. `wake` must be short and safe on another thread, for example
  // grpc::ClientContext::TryCancel or a write to an eventfd. Called at once when the request came
  // before the guard.
  Guard Arm(std::function<void()> wake);

  // Any thread. True from the first signal on.
  [[nodiscard]] bool requested() const { return requested_.load(std::memory_order_acquire); }

  // What a signal does: true when a guard took it. Any thread; tests use it in place of a signal.
  bool Trigger();

 private:
  // Written by Trigger, read by verbs.
  std::atomic<bool> requested_{false};
  std::mutex mutex_;
  // Both under mutex_, which is held while wake_ runs, so that a guard being destroyed waits for
  // it.
  bool armed_ = false;
  std::function<void()> wake_;
};

}  // namespace echogw::ctl
