// SIGTERM, SIGINT and SIGHUP, received by a thread that waits for them, so that no handler
// interrupts anything. Owned by main.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace echogw::server {

// Blocks SIGTERM, SIGINT and SIGHUP for the calling thread and all that it starts, and ignores
// signals that would end the process without a reason to, such as SIGPIPE and SIGUSR1. The kernel
// reaps children, which are all orphans of other processes: PID 1 of a container gets them. The
// main thread calls it before it starts any other.
void BlockSignals();

class SignalThread {
 public:
  // `on_stop` is called once, on this thread, at the first SIGTERM or SIGINT, with its number. A
  // second one ends the process at once with code 128 + its number. `on_hangup` is called here at
  // each SIGHUP.
  SignalThread(std::function<void(int)> on_stop, std::function<void()> on_hangup);
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;
  // Joins the thread.
  ~SignalThread();

 private:
  void Run();

  const std::function<void(int)> on_stop_;
  const std::function<void()> on_hangup_;
  // Writer: the destructor. Reader: the thread, after the signal that wakes it, which orders them.
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace echogw::server
