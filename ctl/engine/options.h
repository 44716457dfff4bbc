// What a load is to do. A plain value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ctl/engine/load_target.h"
#include "ctl/engine/tls_client.h"

namespace echogw::ctl::load {

using LoadClock = std::chrono::steady_clock;
using LoadTime = LoadClock::time_point;

// `wait` after `time`, or LoadTime::max() if that is beyond the range of the clock.
[[nodiscard]] inline LoadTime Later(LoadTime time, std::chrono::nanoseconds wait) {
  return wait < LoadTime::max() - time ? time + wait : LoadTime::max();
}

enum class LoadMode {
  // Every connection stays open and carries message after message.
  kStream,
  // Every connection carries one message and is closed; then the next one opens.
  kChurn,
};

struct LoadOptions {
  LoadTarget target;
  // From SourceAddresses(); connections take them in turn.
  std::vector<sockaddr_in> sources;
  LoadMode mode = LoadMode::kStream;
  std::size_t connections = 1;
  std::uint64_t message_bytes = 64;
  // Messages of a connection that may be unanswered at a time, at least 1. Streams only.
  std::uint64_t depth = 1;
  // Messages (in churn: connections) per second over all connections, sent at their time whether
  // or not answers came; 0 sends the next when an answer came.
  double rate = 0;
  // From the end of the warm-up; 0 for no end but Stop() and the number of messages.
  std::chrono::nanoseconds duration{0};
  // Traffic before this has passed is verified but not measured.
  std::chrono::nanoseconds warmup{0};
  // Ends after this many messages, those of the warm-up included; 0 for no limit.
  std::uint64_t messages = 0;
  // At least 1 and at most the number of connections.
  std::size_t threads = 1;
  // Thread i is pinned to cpus[i % size]; empty for no pinning.
  std::vector<int> cpus;
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);
  // A connection without progress for this long is given up, as is, at the end of the load, an
  // answer that is missing for this long.
  std::chrono::nanoseconds stall_timeout = std::chrono::seconds(10);
  // Connects, and in churn mode first echoes, that take longer are written down; 0 for none.
  std::chrono::nanoseconds slow_threshold{0};
  // Ends each connection with FIN and waits for the server's FIN, so that a byte too many or a
  // lost FIN is found. Without it, a connection is closed when its last byte came.
  bool await_fin = false;
  std::uint64_t seed = 1;
  // Null: plain TCP. A connection is open once the handshake is done.
  std::shared_ptr<const TlsSettings> tls = nullptr;
  // The first line that the server sends is its banner, and no echo.
  bool banner = false;
};

}  // namespace echogw::ctl::load
