#include "server/admin/messages/convert.h"

#include <cstddef>

namespace echogw::server {
namespace {

std::uint64_t Closed(const CounterSnapshot& from, CloseReason reason) {
  return from.connections_closed[static_cast<std::size_t>(reason)];
}

std::uint64_t Rejected(const CounterSnapshot& from, RejectReason reason) {
  return from.connections_rejected[static_cast<std::size_t>(reason)];
}

std::uint64_t Failed(const CounterSnapshot& from, AcceptError error) {
  return from.accept_errors[static_cast<std::size_t>(error)];
}

void ToProto(const ListenerStats& from, pb::Listener& to) {
  to.set_address(from.address);
  to.set_slot(from.slot);
  to.set_owner(from.owner);
  to.set_accept_queue(from.accept_queue);
  to.set_accept_queue_limit(from.accept_queue_limit);
  to.set_drops(from.drops);
}

void ToProto(const UdpSocketStats& from, pb::UdpSocket& to) {
  to.set_address(from.address);
  to.set_slot(from.slot);
  to.set_owner(from.owner);
  to.set_queue_bytes(from.queue_bytes);
  to.set_queue_limit_bytes(from.queue_limit_bytes);
  to.set_drops(from.drops);
}

void ToProto(const UdpSnapshot& from, pb::UdpCounters& to) {
  to.set_received_datagrams(from.received_datagrams);
  to.set_sent_datagrams(from.sent_datagrams);
  to.set_received_bytes(from.received_bytes);
  to.set_sent_bytes(from.sent_bytes);
  to.set_receives(from.receives);
  to.set_sends(from.sends);
  to.set_receive_errors(from.receive_errors);
  const auto dropped = [&](UdpDrop reason) {
    return from.dropped[static_cast<std::size_t>(reason)];
  };
  pb::DroppedDatagrams& drops = *to.mutable_dropped();
  drops.set_would_block(dropped(UdpDrop::kWouldBlock));
  drops.set_send_error(dropped(UdpDrop::kSendError));
  drops.set_truncated(dropped(UdpDrop::kTruncated));
  drops.set_service_port(dropped(UdpDrop::kServicePort));
  drops.set_group_address(dropped(UdpDrop::kGroupAddress));
  drops.set_draining(dropped(UdpDrop::kDraining));
}

void ToProto(const KernelCounters& from, pb::KernelCounters& to) {
  to.set_listen_overflows(from.listen_overflows);
  to.set_listen_drops(from.listen_drops);
  to.set_tcp_abort_on_close(from.tcp_abort_on_close);
  to.set_tcp_migrate_req_failure(from.tcp_migrate_req_failure);
}

}  // namespace

pb::GatewayState ToProto(GatewayState state) {
  switch (state) {
    case GatewayState::kStarting:
      return pb::GATEWAY_STATE_STARTING;
    case GatewayState::kServing:
      return pb::GATEWAY_STATE_SERVING;
    case GatewayState::kUnhealthy:
      return pb::GATEWAY_STATE_UNHEALTHY;
    case GatewayState::kQuiet:
      return pb::GATEWAY_STATE_QUIET;
    case GatewayState::kRefusing:
      return pb::GATEWAY_STATE_REFUSING;
    case GatewayState::kClosing:
      return pb::GATEWAY_STATE_CLOSING;
    case GatewayState::kDrained:
      return pb::GATEWAY_STATE_DRAINED;
    case GatewayState::kStopped:
      return pb::GATEWAY_STATE_STOPPED;
  }
  return pb::GATEWAY_STATE_UNSPECIFIED;
}

pb::ReactorState ToProto(ReactorState state) {
  switch (state) {
    case ReactorState::kStarting:
      return pb::REACTOR_STATE_STARTING;
    case ReactorState::kServing:
      return pb::REACTOR_STATE_SERVING;
    case ReactorState::kDraining:
      return pb::REACTOR_STATE_DRAINING;
    case ReactorState::kDrained:
      return pb::REACTOR_STATE_DRAINED;
    case ReactorState::kParked:
      return pb::REACTOR_STATE_PARKED;
  }
  return pb::REACTOR_STATE_UNSPECIFIED;
}

pb::OperationKind ToProto(OperationKind kind) {
  switch (kind) {
    case OperationKind::kResize:
      return pb::OPERATION_KIND_RESIZE;
    case OperationKind::kMove:
      return pb::OPERATION_KIND_MOVE;
    case OperationKind::kRebalance:
      return pb::OPERATION_KIND_REBALANCE;
    case OperationKind::kDrainReactor:
      return pb::OPERATION_KIND_DRAIN_REACTOR;
    case OperationKind::kDrainGateway:
      return pb::OPERATION_KIND_DRAIN_GATEWAY;
  }
  return pb::OPERATION_KIND_UNSPECIFIED;
}

pb::OperationResult ToProto(OperationResult result) {
  switch (result) {
    case OperationResult::kRunning:
      return pb::OPERATION_RESULT_RUNNING;
    case OperationResult::kSucceeded:
      return pb::OPERATION_RESULT_SUCCEEDED;
    case OperationResult::kTimedOut:
      return pb::OPERATION_RESULT_TIMED_OUT;
    case OperationResult::kCancelled:
      return pb::OPERATION_RESULT_CANCELLED;
    case OperationResult::kFailed:
      return pb::OPERATION_RESULT_FAILED;
  }
  return pb::OPERATION_RESULT_UNSPECIFIED;
}

void ToProto(std::chrono::nanoseconds from, google::protobuf::Duration& to) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(from);
  to.set_seconds(seconds.count());
  to.set_nanos(static_cast<std::int32_t>((from - seconds).count()));
}

void ToProto(std::chrono::system_clock::time_point from, google::protobuf::Timestamp& to) {
  const auto since_epoch = from.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::chrono::nanoseconds rest = since_epoch - seconds;
  to.set_seconds(seconds.count());
  to.set_nanos(static_cast<std::int32_t>(rest.count()));
}

void ToProto(const CounterSnapshot& from, pb::Counters& to) {
  to.set_connections_active(from.connections_active);
  to.set_connections_accepted(from.connections_accepted);
  pb::ClosedConnections& closed = *to.mutable_connections_closed();
  closed.set_peer_closed(Closed(from, CloseReason::kPeerClosed));
  closed.set_peer_reset(Closed(from, CloseReason::kPeerReset));
  closed.set_timed_out(Closed(from, CloseReason::kTimedOut));
  closed.set_io_error(Closed(from, CloseReason::kIoError));
  closed.set_drained(Closed(from, CloseReason::kDrained));
  closed.set_drain_forced(Closed(from, CloseReason::kDrainForced));
  closed.set_admin_closed(Closed(from, CloseReason::kAdminClosed));
  closed.set_admin_reset(Closed(from, CloseReason::kAdminReset));
  closed.set_idle_timeout(Closed(from, CloseReason::kIdleTimeout));
  closed.set_max_age(Closed(from, CloseReason::kMaxAge));
  closed.set_no_first_byte(Closed(from, CloseReason::kNoFirstByte));
  closed.set_proxy_header(Closed(from, CloseReason::kProxyHeader));
  closed.set_handshake_timeout(Closed(from, CloseReason::kHandshakeTimeout));
  closed.set_tls_error(Closed(from, CloseReason::kTlsError));
  pb::RejectedConnections& rejected = *to.mutable_connections_rejected();
  rejected.set_fd_limit_select(Rejected(from, RejectReason::kFdLimitSelect));
  rejected.set_table_full(Rejected(from, RejectReason::kTableFull));
  rejected.set_poller_error(Rejected(from, RejectReason::kPollerError));
  rejected.set_draining(Rejected(from, RejectReason::kDraining));
  rejected.set_total_limit(Rejected(from, RejectReason::kTotalLimit));
  rejected.set_client_limit(Rejected(from, RejectReason::kClientLimit));
  rejected.set_accept_rate(Rejected(from, RejectReason::kAcceptRate));
  to.set_connections_moved_in(from.connections_moved_in);
  to.set_connections_moved_out(from.connections_moved_out);
  to.set_received_bytes(from.received_bytes);
  to.set_sent_bytes(from.sent_bytes);
  to.set_reads(from.reads);
  to.set_writes(from.writes);
  to.set_partial_writes(from.partial_writes);
  to.set_ready_events(from.ready_events);
  to.set_wakeups(from.wakeups);
  to.set_loop_busy_nanoseconds(from.loop_busy_ns);
  to.set_loop_wait_nanoseconds(from.loop_wait_ns);
  to.set_loop_spin_nanoseconds(from.loop_spin_ns);
  to.set_accept_errors_fd(Failed(from, AcceptError::kFdLimit));
  to.set_accept_errors_memory(Failed(from, AcceptError::kMemory));
  to.set_accept_errors_other(Failed(from, AcceptError::kOther));
  to.set_accept_rate_waits(from.accept_rate_waits);
  to.set_accepted_from_adopted(from.accepted_from_adopted);
  to.set_loop_stalls(from.loop_stalls);
  to.set_loop_longest_nanoseconds(from.loop_longest_ns);
  to.set_pending_bytes(from.pending_bytes);
  const auto headers = [&from](ProxyOutcome o) {
    return from.proxy_headers[static_cast<std::size_t>(o)];
  };
  pb::ProxyHeaders& proxy = *to.mutable_proxy_headers();
  proxy.set_v1(headers(ProxyOutcome::kV1));
  proxy.set_v2(headers(ProxyOutcome::kV2));
  proxy.set_local(headers(ProxyOutcome::kLocal));
  proxy.set_absent(headers(ProxyOutcome::kAbsent));
  proxy.set_missing(headers(ProxyOutcome::kMissing));
  proxy.set_malformed(headers(ProxyOutcome::kMalformed));
  proxy.set_too_long(headers(ProxyOutcome::kTooLong));
  proxy.set_checksum(headers(ProxyOutcome::kChecksum));
  proxy.set_timed_out(headers(ProxyOutcome::kTimedOut));
  to.set_tls_handshakes(from.tls_handshakes);
  const auto failures = [&from](TlsFailure f) {
    return from.tls_failures[static_cast<std::size_t>(f)];
  };
  pb::TlsFailures& tls = *to.mutable_tls_failures();
  tls.set_not_tls(failures(TlsFailure::kNotTls));
  tls.set_version(failures(TlsFailure::kVersion));
  tls.set_cipher(failures(TlsFailure::kCipher));
  tls.set_alert(failures(TlsFailure::kAlert));
  tls.set_closed(failures(TlsFailure::kClosed));
  tls.set_timed_out(failures(TlsFailure::kTimedOut));
  tls.set_other(failures(TlsFailure::kOther));
  ToProto(from.udp, *to.mutable_udp());
}

void ToProto(const ReactorStats& from, pb::Reactor& to) {
  to.set_id(from.id);
  to.set_cpu(from.cpu);
  to.set_state(ToProto(from.state));
  ToProto(from.counters, *to.mutable_counters());
  to.set_steering_weight(from.steering_weight);
  for (const ListenerStats& listener : from.listeners) ToProto(listener, *to.add_listeners());
  for (const UdpSocketStats& socket : from.udp_sockets) ToProto(socket, *to.add_udp_sockets());
}

void ToProto(const Operation& from, pb::Operation& to) {
  to.set_id(from.id);
  to.set_kind(ToProto(from.kind));
  to.set_result(ToProto(from.result));
  ToProto(from.start_time, *to.mutable_start_time());
  ToProto(from.elapsed, *to.mutable_elapsed());
  to.set_phase(from.phase);
  for (const OperationPhase& phase : from.phases) {
    pb::OperationPhase& added = *to.add_phases();
    added.set_name(phase.name);
    ToProto(phase.elapsed, *added.mutable_elapsed());
  }
  to.set_reactors_before(from.reactors_before);
  to.set_reactors_target(from.reactors_target);
  to.set_connections_moved(from.connections_moved);
  to.set_connections_closed(from.connections_closed);
  to.set_connections_reset(from.connections_reset);
  to.set_connections_left(from.connections_left);
  to.set_accepted_from_parked(from.accepted_from_parked);
  ToProto(from.kernel_before, *to.mutable_kernel_before());
  ToProto(from.kernel_after, *to.mutable_kernel_after());
  to.set_message(from.message);
  if (from.reactor) to.set_reactor(*from.reactor);
  to.set_dry_run(from.dry_run);
  for (const PlannedMove& move : from.moves) {
    pb::PlannedMove& added = *to.add_moves();
    added.set_from_reactor(move.from);
    added.set_to_reactor(move.to);
    added.set_connections(move.connections);
  }
  to.set_imbalance_before(from.imbalance_before);
  to.set_imbalance_after(from.imbalance_after);
}

void ToProto(const GatewayStats& from, pb::GetStatsResponse& to) {
  to.set_state(ToProto(from.state));
  ToProto(from.total, *to.mutable_total());
  for (const ReactorStats& reactor : from.reactors) ToProto(reactor, *to.add_reactors());
}

}  // namespace echogw::server
