// Every limit of a reactor, with its unit, its default and where the number comes from.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "reactor/limits.h"

namespace echogw {

// Slots in a pool, and so in a reuseport group. The kernel's group starts at 128 sockets and grows;
// 256 thresholds keep the steering program at 513 of the 4096 instructions it may have.
inline constexpr std::uint32_t kReactorsMax = 256;

// The largest steering weight of one reactor.
inline constexpr std::uint32_t kSteeringWeightMax = 1000;

enum class PollerKind : std::uint8_t { kEpoll, kPoll, kSelect, kIoUring };
enum class Transform : std::uint8_t { kNone, kUpper };

struct ReactorOptions {
  // The slot in the pool; names the thread and the metrics label.
  std::uint32_t id = 0;
  // The CPU to pin the thread to; negative for no pinning.
  int cpu = -1;
  PollerKind poller = PollerKind::kEpoll;
  Transform transform = Transform::kNone;
  // What one read may return, and so the most that is held for a client that does not read: no
  // read is made while something is held. 64 KiB stays within a level-2 cache.
  std::size_t buffer_bytes = std::size_t{64} * 1024;
  // What one connection may move in one turn before the others get theirs.
  std::size_t turn_bytes = std::size_t{256} * 1024;
  // Those that may change while it runs, as they are at first.
  Limits limits;
  // A connection that a limit closes has so long to take what is held for it and to answer our FIN
  // with its own; then it is reset.
  std::chrono::nanoseconds limit_close_grace = std::chrono::seconds(5);
  // The most connections accepted from one listener in a turn, however much else it has to do.
  std::uint32_t accept_batch_max = 64;
  // The most datagrams, or coalesced runs of them, read from one UDP socket at once. 32 take 31 %
  // less CPU for each than one by one, 64 hardly less than 32 (tests/bench/udp_bench.cc).
  std::uint32_t datagram_batch_max = 32;
  // Ready events taken from the poller at once.
  std::uint32_t events_max = 256;
  // How long a wait polls before it blocks, as long as that pays (SpinningWait); 0 for not at all.
  std::chrono::nanoseconds spin{0};
  // Connections moved or closed in one turn of the loop; bounds the delay to all others.
  std::uint32_t slice_connections = 32;
  // A loop iteration longer than this is a stall: counted, and logged with the reactor's number.
  std::chrono::nanoseconds stall_threshold = std::chrono::milliseconds(100);
  // What comes before payload, such as a PROXY header, must have come after this long.
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(5);
  // What banners say: the name of the gateway and of its machine, without spaces.
  std::string instance = "-";
  std::string host = "-";
  // How long accepting pauses after running out of descriptors or memory; doubles up to the most.
  std::chrono::nanoseconds accept_pause_min = std::chrono::milliseconds(10);
  std::chrono::nanoseconds accept_pause_max = std::chrono::seconds(1);
};

}  // namespace echogw
