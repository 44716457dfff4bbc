#include "server/admin/messages/stats_messages.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "reactor/base/check.h"
#include "server/admin/messages/field_messages.h"
#include "server/base/process_stats.h"

namespace echogw::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The fields of counters are found by name once.
struct CounterField {
  const FieldDescriptor* message;  // that holds the number; nullptr for the counters themselves
  const FieldDescriptor* number;
};

const FieldDescriptor* Find(const Descriptor& in, const std::string& name) {
  const FieldDescriptor* found = in.FindFieldByName(name);
  CHECK(found != nullptr);
  return found;
}

template <typename Values>
std::vector<CounterField> NumberFields(std::span<const NumberRow<Values>> rows,
                                       const Descriptor& in) {
  std::vector<CounterField> fields;
  for (const NumberRow<Values>& row : rows) {
    fields.push_back({nullptr, Find(in, absl::StrReplaceAll(row.name, {{"_ns", "_nanoseconds"}}))});
  }
  return fields;
}

template <typename Values>
std::vector<CounterField> CountsFields(std::span<const CountsRow<Values>> rows,
                                       const Descriptor& in) {
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

void Set(Message& to, const CounterField& field, std::uint64_t value) {
  Message& owner =
      field.message == nullptr ? to : *to.GetReflection()->MutableMessage(&to, field.message);
  owner.GetReflection()->SetUInt64(&owner, field.number, value);
}

template <typename Values>
void FillCounters(const Values& from, std::span<const NumberRow<Values>> numbers,
                  std::span<const CountsRow<Values>> counts, Message& to) {
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

}  // namespace

pb::GatewayState ToProto(GatewayState state) { return EnumToProto<pb::GatewayState>(state); }

void ToProto(const CounterSnapshot& from, pb::Counters& to) {
  FillCounters(from, CounterNumbers(), CounterCounts(), to);
  FillCounters(from.udp, UdpNumbers(), UdpCounts(), *to.mutable_udp());
}

void ToProto(const ReactorStats& from, pb::Reactor& to) {
  to.set_id(from.id);
  to.set_cpu(from.cpu);
  to.set_state(EnumToProto<pb::ReactorState>(from.state));
  ToProto(from.counters, *to.mutable_counters());
  to.set_steering_weight(from.steering_weight);
  for (const ListenerStats& listener : from.listeners) ToProto(listener, *to.add_listeners());
  for (const UdpSocketStats& socket : from.udp_sockets) ToProto(socket, *to.add_udp_sockets());
}

void ToProto(const GatewayStats& from, pb::GetStatsResponse& to) {
  to.set_state(ToProto(from.state));
  ToProto(from.total, *to.mutable_total());
  for (const ReactorStats& reactor : from.reactors) ToProto(reactor, *to.add_reactors());
}

void ToProto(const Event& from, pb::Event& to) {
  to.set_id(from.id);
  ToProto(from.time, *to.mutable_time());
  to.set_severity(EnumToProto<pb::EventSeverity>(from.severity));
  to.set_kind(from.kind);
  to.set_actor(from.actor);
  to.set_message(from.message);
  to.set_operation(from.operation);
}

GatewayStats FillStats(const Control& control, std::uint64_t log_lines_dropped,
                       pb::GetStatsResponse& to) {
  GatewayStats stats = control.Stats();
  ToProto(stats, to);
  ToProto(std::chrono::system_clock::now(), *to.mutable_time());
  ToProto(std::chrono::steady_clock::now() - stats.lineage.started, *to.mutable_uptime());
  to.set_log_lines_dropped(log_lines_dropped);
  const ProcessUsage usage = ReadProcessUsage();
  to.set_process_cpu_nanoseconds(usage.cpu_nanoseconds +
                                 static_cast<std::uint64_t>(stats.lineage.cpu_before.count()));
  to.set_process_resident_bytes(usage.resident_bytes);
  to.set_upgrades(stats.lineage.upgrades);
  to.set_connections_of_predecessor(stats.connections_of_predecessor);
  return stats;
}

}  // namespace echogw::server
