// The options of a reactor with their defaults, and where the numbers come from.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "reactor/limits.h"

namespace echogw {

// Slots in a pool and in a reuseport group. 256 thresholds take 513 of the 4096 instructions that
// the steering program may have.
inline constexpr std::uint32_t kReactorsMax = 256;

// The largest steering weight of one reactor.
inline constexpr std::uint32_t kSteeringWeightMax = 1000;

enum class PollerKind : std::uint8_t { kEpoll, kIoUring, kPoll, kSelect };
inline constexpr auto kPollerNames =
    std::to_array<const char*>({"epoll", "io_uring", "poll", "select"});
enum class Transform : std::uint8_t { kNone, kUpper };
inline constexpr auto kTransformNames = std::to_array<const char*>({"none", "upper"});

struct ReactorOptions {
  // The slot in the pool; names the thread and the metrics label.
  std::uint32_t id = 0;
  // The CPU to pin the thread to; negative for no pinning.
  int cpu = -1;
  // Up to this number an earlier process has given the ids of the slot's connections.
  std::uint64_t ids_given = 0;
  PollerKind poller = PollerKind::kEpoll;
  Transform transform = Transform::kNone;
  // The largest read, and so the most that is held for a client that does not read: nothing is read
  // while output is held. 64 KiB fits in a level-2 cache.
  std::size_t buffer_bytes = std::size_t{64} * 1024;
  // What one connection may transfer in one turn before the others have theirs.
  std::size_t turn_bytes = std::size_t{256} * 1024;
  // Initial values of the limits that can change at run time.
  Limits limits;
  // A connection that a limit closes is reset after this time if it has not taken its output and
  // sent FIN.
  std::chrono::nanoseconds limit_close_grace = std::chrono::seconds(5);
  // Reads of all connections together after which the others wait for the next turn of the loop, so
  // that many busy ones hold up neither timers nor commands for long. A step of a handshake counts
  // as 32.
  std::uint64_t loop_reads = 1024;
  // The most connections accepted from one listener in a turn.
  std::uint32_t accept_batch_max = 64;
  // The most datagrams, or coalesced runs of them, read from one UDP socket at once. Batches of 32
  // take 31 % less CPU per datagram than single reads, 64 little less (tests/bench/udp_bench.cc).
  std::uint32_t datagram_batch_max = 32;
  // Ready events taken from the poller at once.
  std::uint32_t events_max = 256;
  // How long a wait polls before it blocks, if that pays (SpinningWait); 0: not at all.
  std::chrono::nanoseconds spin{0};
  // Connections moved or closed in one turn of the loop; bounds the delay of all others.
  std::uint32_t slice_connections = 32;
  // Slots of the table visited in one turn of the loop by what concerns all connections, such as
  // new limits: some 0.3 ms.
  std::uint32_t slice_slots = 256;
  // A turn longer than this is a stall: counted and logged.
  std::chrono::nanoseconds stall_threshold = std::chrono::milliseconds(100);
  // PROXY header and TLS handshake must be complete after this time.
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(5);
  // For banners: the names of the gateway and of its machine, without spaces.
  std::string instance = "-";
  std::string host = "-";
  // How long accepting pauses when descriptors or memory run out; doubles up to the maximum.
  std::chrono::nanoseconds accept_pause_min = std::chrono::milliseconds(10);
  std::chrono::nanoseconds accept_pause_max = std::chrono::seconds(1);
};

}  // namespace echogw
