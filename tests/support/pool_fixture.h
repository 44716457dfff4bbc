// A ReactorPool on loopback with helpers for its tests. The test's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reactor/base/mutex.h"
#include "server/pool/reactor_pool.h"
#include "tests/support/pool_stream.h"
#include "tests/support/recording_log.h"

namespace echogw::server {

// On 127.0.0.1 with a port selected by the kernel, not pinned.
[[nodiscard]] PoolOptions LoopbackPool(std::uint32_t reactors);

class TestPool {
 public:
  // Creates and starts it.
  explicit TestPool(const PoolOptions& options);
  explicit TestPool(std::uint32_t reactors) : TestPool(LoopbackPool(reactors)) {}
  TestPool(const TestPool&) = delete;
  TestPool& operator=(const TestPool&) = delete;
  // Stops it and checks its accounts.
  ~TestPool();

  [[nodiscard]] ReactorPool& pool() { return *pool_; }
  ReactorPool* operator->() { return pool_.get(); }
  [[nodiscard]] RecordingLog& log() { return log_; }
  [[nodiscard]] std::uint16_t port(std::size_t address = 0) const;

  // Waits for the end of an operation that must have started.
  Operation Ended(const absl::StatusOr<Operation>& begun);
  // Starts it and waits for its end; it must succeed.
  Operation Resize(std::uint32_t target);
  Operation Move(std::uint32_t from, std::uint32_t to, std::uint64_t connections = 0);
  Operation DrainReactor(std::uint32_t reactor);

  [[nodiscard]] ReactorState StateOf(std::uint32_t reactor) const;
  [[nodiscard]] std::vector<std::uint32_t> In(ReactorState state) const;
  [[nodiscard]] std::uint64_t ActiveOf(std::uint32_t reactor) const;
  [[nodiscard]] std::uint64_t Active() const { return pool_->Stats().total.connections_active; }
  // False if it does not happen in time.
  [[nodiscard]] bool WaitForActive(std::uint64_t connections);
  [[nodiscard]] bool WaitForState(GatewayState state);
  [[nodiscard]] bool WaitForPhase(const std::string& phase);
  // Every state reported to the observer, in order.
  [[nodiscard]] std::vector<GatewayState> observed() const;

  // A client that has been accepted.
  [[nodiscard]] std::unique_ptr<StreamClient> Connect(std::uint64_t salt = 1,
                                                      int receive_buffer_bytes = 0);
  // As many, all on reactor `reactor`.
  [[nodiscard]] std::vector<std::unique_ptr<StreamClient>> ConnectTo(std::uint32_t reactor,
                                                                     std::size_t count);

 private:
  RecordingLog log_{LogLevel::kInfo};
  mutable Mutex mutex_;
  std::vector<GatewayState> observed_ ECHOGW_GUARDED_BY(mutex_);
  std::unique_ptr<ReactorPool> pool_;
};

// Sends a message on each and checks its echo; false at the first failure.
[[nodiscard]] bool AllEcho(const std::vector<std::unique_ptr<StreamClient>>& clients);

// Invariants without a running operation or client: accepted + moved in = closed + moved out +
// active on each reactor, moved in = moved out in total, and a running reactor accepts from every
// listener.
void ExpectSound(const GatewayStats& stats);

// Largest number of connections of a serving reactor over the mean.
[[nodiscard]] double MaxOverMean(const GatewayStats& stats);

}  // namespace echogw::server
