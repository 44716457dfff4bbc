// A connection as other threads see it: values copied out of a reactor, in reply to ReadConnections
// and in the events of a watch.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reactor/base/clock.h"
#include "reactor/base/mutex.h"
#include "reactor/connection/connection.h"
#include "reactor/net/endpoint.h"
#include "reactor/service.h"
#include "reactor/stats/counters.h"

namespace echogw {

// Where a connection was when it was read; valid while it stays there.
struct ConnectionRef {
  std::uint64_t id = 0;
  std::uint32_t slot = 0;
  std::uint32_t index = 0;  // in the reactor's table
};

struct ConnectionRecord {
  ConnectionRef ref;
  Endpoint peer;        // the client, as named by a PROXY header if there is one
  Endpoint proxied_by;  // the proxy; without a family if there is none
  Endpoint local;
  std::string local_path;  // of a unix socket, as "unix:PATH"; else empty
  const ServiceMode* mode = Service{}.mode;
  // "TLSv1.3" and the cipher's name; empty without TLS and until the handshake is complete.
  std::string tls_version;
  std::string tls_cipher;
  Nanos age = 0;   // to 10 ms
  Nanos idle = 0;  // to 1 ms
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint32_t pending_bytes = 0;
  bool closing = false;
};

// TCP_INFO of a connection (tcp(7)) and the depth of its queues.
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

// The reply to a ReadConnections or InspectConnection.
struct ConnectionSlice {
  std::uint64_t id = 0;  // of the command
  std::vector<ConnectionRecord> records;
  // Where the next slice begins; unset at the end of the table.
  std::optional<std::uint32_t> next_index;
  TcpInfo tcp;  // InspectConnection only
};

// Replies that callers wait for. Lives as long as the pool. Any thread.
class PendingReplies {
 public:
  // Before the command is posted.
  void Expect(std::uint64_t id);
  // The slice, or none after `timeout`; a later reply is dropped.
  [[nodiscard]] std::optional<ConnectionSlice> WaitFor(std::uint64_t id,
                                                       std::chrono::nanoseconds timeout);
  // Reactor's thread. Drops a slice that is not expected.
  void Push(ConnectionSlice slice);

 private:
  Mutex mutex_;
  CondVar arrived_;
  // By id; none until the reply arrives.
  std::map<std::uint64_t, std::optional<ConnectionSlice>> expected_ ECHOGW_GUARDED_BY(mutex_);
};

// One connection opening or closing.
struct ConnectionEvent {
  ConnectionRecord record;
  bool opened = false;
  CloseReason reason = CloseReason::kPeerClosed;  // of a close
  std::chrono::system_clock::time_point time;
};

// The events of one slot for the control side, while somebody watches. The reactor never waits:
// events beyond kEventsMax are dropped and counted. The lock is held for one copy, and only a
// watcher contends for it.
class EventRing {
 public:
  static constexpr std::size_t kEventsMax = 8192;

  // Any thread. Nothing is recorded while it is off.
  void SetWatched(bool watched);
  // Reactor's thread, on every accept and close.
  [[nodiscard]] bool watched() const noexcept { return watched_.load(std::memory_order_relaxed); }
  void Push(ConnectionEvent event);
  // Any thread. Appends all events to `into`; returns how many were dropped since the last call.
  std::uint64_t Take(std::vector<ConnectionEvent>& into);

 private:
  // Writer: the watch hub. Reader: the reactor. Relaxed: a stale value only adds or drops events.
  std::atomic<bool> watched_{false};
  Mutex mutex_;
  std::vector<ConnectionEvent> events_ ECHOGW_GUARDED_BY(mutex_);
  std::uint64_t dropped_ ECHOGW_GUARDED_BY(mutex_) = 0;
};

}  // namespace echogw
