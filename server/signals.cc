#include "server/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "reactor/base/check.h"

namespace echogw::server {
namespace {

sigset_t Handled() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

// Shells report 128 + the number for a process that a signal ended.
constexpr int kSignalBase = 128;

}  // namespace

void BlockSignals() {
  const sigset_t set = Handled();
  CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (const int number : {SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR,
                           SIGSTKFLT, SIGCHLD, SIGXFSZ}) {
    CHECK(::sigaction(number, &ignore, nullptr) == 0);
  }
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
    CHECK(::sigaction(number, &ignore, nullptr) == 0);
  }
  // Children that ended before SIGCHLD was ignored.
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

SignalThread::SignalThread(std::function<void(int)> on_stop, std::function<void()> on_hangup)
    : on_stop_(std::move(on_stop)), on_hangup_(std::move(on_hangup)), thread_([this] { Run(); }) {
  ::pthread_setname_np(thread_.native_handle(), "signals");
}

SignalThread::~SignalThread() {
  done_.store(true);
  // Any signal of the set ends the wait; this one means nothing else.
  ::pthread_kill(thread_.native_handle(), SIGHUP);
  thread_.join();
}

void SignalThread::Run() {
  const sigset_t set = Handled();
  bool stopping = false;
  for (;;) {
    int number = 0;
    if (::sigwait(&set, &number) != 0) continue;
    if (done_.load()) return;
    if (number == SIGHUP) {
      on_hangup_();
      continue;
    }
    if (stopping) ::_exit(kSignalBase + number);
    stopping = true;
    on_stop_(number);
  }
}

}  // namespace echogw::server
