// UdpLoad: datagrams to and from an echo endpoint, from start to result, on threads of its own.
// Owned by the command that asked for it; its calls belong to the owner's thread, but for Stop(),
// which is safe on any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "ctl/engine/pattern.h"
#include "ctl/engine/thread_group.h"
#include "ctl/engine/udp_thread.h"

namespace echogw::ctl::load {

class UdpLoad {
 public:
  // Opens the sockets and starts the threads. Errors of a system call, with what was tried.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UdpLoad>> Start(UdpLoadOptions options);

  // Stops and joins.
  ~UdpLoad();
  UdpLoad(const UdpLoad&) = delete;
  UdpLoad& operator=(const UdpLoad&) = delete;

  // Waits for the end of the load; false when `timeout` passed first.
  [[nodiscard]] bool WaitDone(std::chrono::nanoseconds timeout) {
    return threads_.WaitDone(timeout);
  }
  // Ends it early: nothing new is sent, answers under way are awaited.
  void Stop() { stop_.store(true, std::memory_order_relaxed); }
  // Answers so far, and datagrams lost.
  [[nodiscard]] std::uint64_t answered() const;
  [[nodiscard]] std::uint64_t lost() const;
  // Waits for the end and gives the sum over the threads. Once.
  [[nodiscard]] UdpLoadResult Finish();

 private:
  explicit UdpLoad(UdpLoadOptions options);
  [[nodiscard]] absl::Status StartThreads();

  const UdpLoadOptions options_;
  const Pattern pattern_;
  // Set by Stop(), read by every thread of the load once a turn; guards no other data.
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<UdpThread>> parts_;
  // Last, so that its threads end first.
  ThreadGroup threads_;
};

}  // namespace echogw::ctl::load
