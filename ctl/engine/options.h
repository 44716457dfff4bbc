// What a load is to do. A plain value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ctl/base/duration.h"
#include "ctl/engine/load_target.h"
#include "ctl/engine/tls_client.h"

namespace echogw::ctl::load {

using LoadClock = std::chrono::steady_clock;
using LoadTime = LoadClock::time_point;

// `wait` after `time`, or LoadTime::max() if that is beyond the range of the clock.
[[nodiscard]] inline LoadTime Later(LoadTime time, Duration wait) {
  return wait < LoadTime::max() - time ? time + wait : LoadTime::max();
}

enum class LoadMode {
  // Every connection stays open and carries message after message.
  kStream,
  // Every connection carries one message and is closed; then the next one opens.
  kChurn,
};

// What loads over TCP and UDP have in common.
struct LoadBasics {
  static constexpr std::uint64_t kDepthMax = 1 << 20;

  LoadTarget target;
  // From SourceAddresses(); connections take them in turn.
  std::vector<sockaddr_in> sources;
  // Or sockets.
  std::size_t connections = 1;
  std::uint64_t message_bytes = 64;
  // Messages of a connection that may be unanswered at a time, at least 1. Not in churn.
  std::uint64_t depth = 1;
  // From the end of the warm-up; 0 for no end but Stop() and the number of messages.
  Duration duration{0};
  // Traffic before this has passed is verified but not measured.
  Duration warmup{0};
  // Ends after this many messages, those of the warm-up included; 0 for no limit.
  std::uint64_t messages = 0;
  // At least 1 and at most the number of connections.
  std::size_t threads = 1;
  // Thread i is pinned to cpus[i % size]; empty for no pinning.
  std::vector<int> cpus;
  std::uint64_t seed = 1;
};

struct LoadOptions : LoadBasics {
  LoadMode mode = LoadMode::kStream;
  // Messages (in churn: connections) per second over all connections, sent on time whether or not
  // answers came; 0 sends the next one after an answer.
  double rate = 0;
  Duration connect_timeout = std::chrono::seconds(5);
  // A connection without progress for this long fails, as does an answer missing at the end.
  Duration stall_timeout = std::chrono::seconds(10);
  // Connects, and in churn mode first echoes, that take longer are recorded; 0 for none.
  Duration slow_threshold{0};
  // Ends each connection with FIN and waits for the server's FIN, so that a surplus byte or a lost
  // FIN is found. Otherwise a connection is closed after its last byte.
  bool await_fin = false;
  // Null: plain TCP. A connection is open once the handshake is done.
  std::shared_ptr<const TlsSettings> tls = nullptr;
  // The first line that the server sends is its banner, and no echo.
  bool banner = false;
};

struct UdpLoadOptions : LoadBasics {
  // The number that a datagram carries, and the most that IPv4 carries.
  static constexpr std::uint64_t kBytesMin = 8;
  static constexpr std::uint64_t kBytesMax = 65507;

  Duration answer_timeout = std::chrono::seconds(1);
};

}  // namespace echogw::ctl::load
