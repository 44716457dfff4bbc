#include "server/admin/messages/convert.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "reactor/base/check.h"

namespace echogw::server {
namespace {

using google::protobuf::FieldDescriptor;

// The fields of counters are found by name once.
struct CounterField {
  const FieldDescriptor* message;  // that holds the number; nullptr for the counters themselves
  const FieldDescriptor* number;
};

const FieldDescriptor* Find(const google::protobuf::Descriptor& in, const std::string& name) {
  const FieldDescriptor* found = in.FindFieldByName(name);
  CHECK(found != nullptr);
  return found;
}

template <typename Values>
std::vector<CounterField> NumberFields(std::span<const NumberRow<Values>> rows,
                                       const google::protobuf::Descriptor& in) {
  std::vector<CounterField> fields;
  for (const NumberRow<Values>& row : rows) {
    fields.push_back({nullptr, Find(in, absl::StrReplaceAll(row.name, {{"_ns", "_nanoseconds"}}))});
  }
  return fields;
}

template <typename Values>
std::vector<CounterField> CountsFields(std::span<const CountsRow<Values>> rows,
                                       const google::protobuf::Descriptor& in) {
  std::vector<CounterField> fields;
  for (const CountsRow<Values>& row : rows) {
    const FieldDescriptor* message = in.FindFieldByName(row.name);
    for (const std::string name : row.names) {
      // accept_errors has no message: accept_errors_fd, _memory and _other.
      fields.push_back(
          message != nullptr
              ? CounterField{message, Find(*message->message_type(), name)}
              : CounterField{nullptr, Find(in, absl::StrCat(row.name, "_",
                                                            name == "fd_limit" ? "fd" : name))});
    }
  }
  return fields;
}

void Set(google::protobuf::Message& to, const CounterField& field, std::uint64_t value) {
  google::protobuf::Message& owner =
      field.message == nullptr ? to : *to.GetReflection()->MutableMessage(&to, field.message);
  owner.GetReflection()->SetUInt64(&owner, field.number, value);
}

template <typename Values>
void FillCounters(const Values& from, std::span<const NumberRow<Values>> numbers,
                  std::span<const CountsRow<Values>> counts, google::protobuf::Message& to) {
  static const auto number_fields = NumberFields(numbers, *to.GetDescriptor());
  static const auto counts_fields = CountsFields(counts, *to.GetDescriptor());
  auto field = number_fields.begin();
  for (const NumberRow<Values>& row : numbers) Set(to, *field++, from.*row.value);
  field = counts_fields.begin();
  for (const CountsRow<Values>& row : counts) {
    for (const std::uint64_t value : row.values(from)) Set(to, *field++, value);
  }
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
  FillCounters(from, CounterNumbers(), CounterCounts(), to);
  FillCounters(from.udp, UdpNumbers(), UdpCounts(), *to.mutable_udp());
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
