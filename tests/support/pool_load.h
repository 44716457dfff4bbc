// Clients on their own threads that load a pool and record all errors: some connect, echo and close
// in a loop, others keep their connections busy.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/pool_stream.h"
#include "tests/support/random.h"

namespace echogw::server {

struct LoadOptions {
  std::vector<std::uint16_t> ports;
  int churn_threads = 2;
  // Held by one thread: in turn ping-pong, slow readers with pending output, and half-closed ones.
  int held = 12;
  std::uint64_t seed = 1;
};

struct LoadResult {
  std::uint64_t connections = 0;     // by the churning threads
  std::uint64_t held_replies = 0;    // messages echoed on held connections
  std::uint64_t half_closed = 0;     // complete streams that ended with a half-close
  std::uint64_t errors = 0;          // anything lost, wrong, refused or late
  std::uint64_t slow_connects = 0;   // over 0.9 s: a lost SYN
  std::vector<std::string> samples;  // of the errors
  [[nodiscard]] std::string ToString() const;
};

class ClientLoad {
 public:
  explicit ClientLoad(const LoadOptions& options);
  ClientLoad(const ClientLoad&) = delete;
  ClientLoad& operator=(const ClientLoad&) = delete;
  ~ClientLoad();

  // Ends all threads and closes all connections. Everything sent must have been echoed.
  LoadResult Stop();
  // So far; any thread.
  [[nodiscard]] LoadResult Now() const;

 private:
  struct Held {
    std::unique_ptr<StreamClient> client;
    std::uint64_t kind = 0;
  };

  void Churn(std::uint64_t seed);
  void Hold(std::uint64_t seed);
  void Open(Held& held, Random& random, std::uint64_t salt);
  // True if any data was transferred.
  bool Step(Held& held, Random& random);
  void Record(const StreamClient& client);
  void WaitFor(const std::vector<Held>& held) const;
  [[nodiscard]] std::uint16_t Port(Random& random) const;

  const LoadOptions options_;
  // Writer: Stop. Readers: the threads. No other memory depends on it.
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  LoadResult result_;  // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace echogw::server
