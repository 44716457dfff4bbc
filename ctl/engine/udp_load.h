// UdpLoad: datagrams to and from an echo endpoint, with a bounded number of them under way, every
// answer verified and every missing one counted. Owned by the command that asked for it; its calls
// belong to the owner's thread, but for Stop(), which is safe on any.
//
// A datagram carries its number, then bytes of the pattern that depend on the socket and on the
// number: an answer that is altered, cut or meant for another socket differs. A number belongs to
// one of the places for datagrams under way; an answer to one that was given up, or a second
// answer, is known as such.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ctl/engine/latency_histogram.h"
#include "ctl/engine/load_target.h"
#include "ctl/engine/options.h"
#include "ctl/engine/pattern.h"

namespace echogw::ctl::load {

struct UdpLoadOptions {
  // The number that a datagram carries, and what IPv4 can carry.
  static constexpr std::uint64_t kBytesMin = 8;
  static constexpr std::uint64_t kBytesMax = 65507;

  LoadTarget target;
  std::vector<sockaddr_in> sources;  // sockets take them in turn
  std::size_t sockets = 1;
  std::uint64_t message_bytes = 64;
  std::uint64_t depth = 1;               // of a socket: datagrams under way at a time
  std::chrono::nanoseconds duration{0};  // 0: until Stop() or the number of messages
  std::chrono::nanoseconds warmup{0};    // traffic before this has passed is not measured
  std::uint64_t messages = 0;            // 0: no limit
  std::chrono::nanoseconds answer_timeout = std::chrono::seconds(1);
  std::size_t threads = 1;  // at most the number of sockets
  std::vector<int> cpus;    // thread i is pinned to cpus[i % size]
  std::uint64_t seed = 1;
};

// Plain values: each thread fills one, and they are merged after the join.
struct UdpLoadResult {
  LatencyHistogram latency;  // of datagrams sent in the measured time
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;  // in time and right
  std::uint64_t lost = 0;      // not answered in time
  std::uint64_t late = 0;      // answers to what was given up, and second answers
  std::uint64_t wrong = 0;     // answers that differ from what was sent
  std::uint64_t refused = 0;   // ICMP told that nobody listens
  std::uint64_t io_errors = 0;
  int first_error = 0;  // errno of the first of these; 0: none
  std::uint64_t verified_bytes = 0;
  std::uint64_t measured_answers = 0;
  std::chrono::nanoseconds measured{0};
  std::chrono::nanoseconds measured_cpu{0};
  bool interrupted = false;

  // What should not have been.
  [[nodiscard]] std::uint64_t faults() const { return lost + late + wrong + refused + io_errors; }
  void Merge(const UdpLoadResult& other);
};

class UdpLoad {
 public:
  // Opens the sockets and starts the threads. Errors of a system call, with what was tried.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UdpLoad>> Start(UdpLoadOptions options);

  // Stops and joins.
  ~UdpLoad();
  UdpLoad(const UdpLoad&) = delete;
  UdpLoad& operator=(const UdpLoad&) = delete;

  // Waits for the end of the load; false when `timeout` passed first.
  [[nodiscard]] bool WaitDone(std::chrono::nanoseconds timeout);
  // Ends it early: nothing new is sent, what is due is awaited.
  void Stop() { stop_.store(true, std::memory_order_relaxed); }
  // Answers so far, and datagrams lost.
  [[nodiscard]] std::uint64_t answered() const;
  [[nodiscard]] std::uint64_t lost() const;
  // Waits for the end and gives the sum over the threads. Once.
  [[nodiscard]] UdpLoadResult Finish();

 private:
  class Part;

  explicit UdpLoad(UdpLoadOptions options);
  void Join();

  const UdpLoadOptions options_;
  const Pattern pattern_;
  // Set by Stop(), read by every thread of the load once a turn; hands nothing over.
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Part>> parts_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;  // under mutex_
};

}  // namespace echogw::ctl::load
