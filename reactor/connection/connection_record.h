// A connection as others may see it: values copied out of a reactor, in answer to ReadConnections
// and in the events of a watch.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "reactor/base/clock.h"
#include "reactor/connection/connection.h"
#include "reactor/net/endpoint.h"
#include "reactor/services/service.h"
#include "reactor/stats/counters.h"

namespace echogw {

// Where a connection was when it was read: good for as long as it stays there.
struct ConnectionRef {
  std::uint64_t id = 0;
  std::uint32_t slot = 0;
  std::uint32_t index = 0;  // in the reactor's table
};

struct ConnectionRecord {
  ConnectionRef ref;
  // The client: whom a proxy speaks for, if it does, and then the proxy itself; else the latter has
  // no family.
  Endpoint peer;
  Endpoint proxied_by;
  Endpoint local;
  std::string local_path;  // of a unix socket, as "unix:PATH"; else empty
  ServiceMode mode = ServiceMode::kEcho;
  // "TLSv1.3" and the cipher's name; empty without TLS, or before the end of its handshake.
  std::string tls_version;
  std::string tls_cipher;
  Nanos age = 0;   // to 10 ms
  Nanos idle = 0;  // to 1 ms
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint32_t pending_bytes = 0;
  bool closing = false;
};

// What the kernel knows of a connection: its TCP_INFO (tcp(7)) and the depth of its queues.
struct TcpInfo {
  std::uint8_t state = 0;  // as in the kernel's include/net/tcp_states.h
  std::uint32_t rtt_us = 0;
  std::uint32_t rtt_variance_us = 0;
  std::uint32_t rtt_min_us = 0;
  std::uint32_t retransmits_total = 0;
  std::uint32_t congestion_window = 0;  // segments
  std::uint32_t slow_start_threshold = 0;
  std::uint32_t segment_bytes = 0;
  std::uint32_t unacked_segments = 0;
  std::uint32_t lost_segments = 0;
  std::uint32_t unsent_bytes = 0;
  std::uint64_t delivery_rate = 0;  // bytes per second
  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t output_queue_bytes = 0;  // SIOCOUTQ
  std::uint64_t input_queue_bytes = 0;   // SIOCINQ
};

// The answer to one ReadConnections or InspectConnection.
struct ConnectionSlice {
  std::uint64_t id = 0;  // of the command
  std::vector<ConnectionRecord> records;
  // Where the next slice begins; unset at the end of the table.
  std::optional<std::uint32_t> next_index;
  TcpInfo tcp;  // InspectConnection only
};

// Brings slices from reactors to whoever asked. Lives as long as the pool. Any thread.
class PendingReplies {
 public:
  // Before the command is posted.
  void Expect(std::uint64_t id);
  // The slice, or none when `timeout` passed; nobody waits for it afterwards.
  [[nodiscard]] std::optional<ConnectionSlice> WaitFor(std::uint64_t id,
                                                       std::chrono::nanoseconds timeout);
  // Reactor's thread. Dropped if nobody waits.
  void Push(ConnectionSlice slice);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  // Under mutex_: what is waited for; none until it has come.
  std::map<std::uint64_t, std::optional<ConnectionSlice>> expected_;
};

// One opening or closing, as a watch sees it.
struct ConnectionEvent {
  ConnectionRecord record;
  bool opened = false;
  CloseReason reason = CloseReason::kPeerClosed;  // of a close
  std::chrono::system_clock::time_point time;
};

// The events of one slot to the control side, while somebody watches. The reactor never waits: what
// finds no room is dropped and counted. The lock is held for one copy; only a watcher competes.
class EventRing {
 public:
  static constexpr std::size_t kEventsMax = 8192;

  // Any thread. While off nothing is recorded.
  void SetWatched(bool watched);
  // Reactor's thread, on every accept and close.
  [[nodiscard]] bool watched() const noexcept { return watched_.load(std::memory_order_relaxed); }
  void Push(ConnectionEvent event);
  // Any thread. Moves all events to the end of `into`; returns how many were dropped since the last
  // call.
  std::uint64_t Take(std::vector<ConnectionEvent>& into);

 private:
  // Writer: the watch hub. Reader: the reactor; a stale value costs or adds some events, no more.
  std::atomic<bool> watched_{false};
  std::mutex mutex_;
  std::vector<ConnectionEvent> events_;  // under mutex_
  std::uint64_t dropped_ = 0;            // under mutex_
};

}  // namespace echogw
