#include "reactor/stats/counters.h"

#include <algorithm>
#include <numeric>

namespace echogw {
namespace {

template <std::size_t N>
void AddEach(std::array<std::uint64_t, N>& to, const std::array<std::uint64_t, N>& from) {
  for (std::size_t i = 0; i < N; ++i) to[i] += from[i];
}

template <std::size_t N>
void ReadEach(std::array<std::uint64_t, N>& to, const std::array<Counter, N>& from) {
  for (std::size_t i = 0; i < N; ++i) to[i] = from[i].value();
}

}  // namespace

CounterSnapshot& CounterSnapshot::operator+=(const CounterSnapshot& other) {
  connections_active += other.connections_active;
  connections_accepted += other.connections_accepted;
  AddEach(connections_closed, other.connections_closed);
  AddEach(connections_rejected, other.connections_rejected);
  connections_moved_in += other.connections_moved_in;
  connections_moved_out += other.connections_moved_out;
  received_bytes += other.received_bytes;
  sent_bytes += other.sent_bytes;
  reads += other.reads;
  writes += other.writes;
  partial_writes += other.partial_writes;
  ready_events += other.ready_events;
  wakeups += other.wakeups;
  loop_busy_ns += other.loop_busy_ns;
  loop_wait_ns += other.loop_wait_ns;
  loop_spin_ns += other.loop_spin_ns;
  AddEach(accept_errors, other.accept_errors);
  accept_rate_waits += other.accept_rate_waits;
  AddEach(proxy_headers, other.proxy_headers);
  tls_handshakes += other.tls_handshakes;
  AddEach(tls_failures, other.tls_failures);
  accepted_from_adopted += other.accepted_from_adopted;
  loop_stalls += other.loop_stalls;
  loop_longest_ns = std::max(loop_longest_ns, other.loop_longest_ns);
  pending_bytes += other.pending_bytes;
  udp += other.udp;
  turn_ns += other.turn_ns;
  echo_ns += other.echo_ns;
  wakeup_events += other.wakeup_events;
  accept_batch += other.accept_batch;
  read_bytes += other.read_bytes;
  lifetime_ms += other.lifetime_ms;
  return *this;
}

std::uint64_t CounterSnapshot::closed_total() const {
  return std::accumulate(connections_closed.begin(), connections_closed.end(), std::uint64_t{0});
}

std::uint64_t CounterSnapshot::rejected_total() const {
  return std::accumulate(connections_rejected.begin(), connections_rejected.end(),
                         std::uint64_t{0});
}

CounterSnapshot Counters::Read() const noexcept {
  CounterSnapshot s;
  s.connections_active = connections_active.value();
  s.connections_accepted = connections_accepted.value();
  ReadEach(s.connections_closed, connections_closed);
  ReadEach(s.connections_rejected, connections_rejected);
  s.connections_moved_in = connections_moved_in.value();
  s.connections_moved_out = connections_moved_out.value();
  s.received_bytes = received_bytes.value();
  s.sent_bytes = sent_bytes.value();
  s.reads = reads.value();
  s.writes = writes.value();
  s.partial_writes = partial_writes.value();
  s.ready_events = ready_events.value();
  s.wakeups = wakeups.value();
  s.loop_busy_ns = loop_busy_ns.value();
  s.loop_wait_ns = loop_wait_ns.value();
  s.loop_spin_ns = loop_spin_ns.value();
  ReadEach(s.accept_errors, accept_errors);
  s.accept_rate_waits = accept_rate_waits.value();
  ReadEach(s.proxy_headers, proxy_headers);
  s.tls_handshakes = tls_handshakes.value();
  ReadEach(s.tls_failures, tls_failures);
  s.accepted_from_adopted = accepted_from_adopted.value();
  s.loop_stalls = loop_stalls.value();
  s.loop_longest_ns = loop_longest_ns.value();
  s.pending_bytes = pending_bytes.value();
  s.udp = udp.Read();
  s.turn_ns = turn_ns.Read();
  s.echo_ns = echo_ns.Read();
  s.wakeup_events = wakeup_events.Read();
  s.accept_batch = accept_batch.Read();
  s.read_bytes = read_bytes.Read();
  s.lifetime_ms = lifetime_ms.Read();
  return s;
}

}  // namespace echogw
