#include "ctl/base/interrupt.h"

#include <csignal>
#include <thread>
#include <utility>

namespace echogw::ctl {
namespace {

// Ends the process by `signal_number`, so that the parent sees the true cause.
void DieBy(int signal_number) {
  std::signal(signal_number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal_number);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  std::raise(signal_number);
}

}  // namespace

Interrupt::Guard::~Guard() {
  const std::lock_guard lock(owner_.mutex_);
  owner_.armed_ = false;
  owner_.wake_ = nullptr;
}

void Interrupt::Install() {
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

Interrupt::Guard Interrupt::Arm(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  armed_ = true;
  wake_ = std::move(wake);
  if (requested() && wake_) wake_();
  return Guard(*this);
}

bool Interrupt::Trigger() {
  const std::lock_guard lock(mutex_);
  if (!armed_) return false;
  requested_.store(true, std::memory_order_release);
  if (wake_) wake_();
  return true;
}

}  // namespace echogw::ctl
