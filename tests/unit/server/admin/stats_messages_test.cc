// Goal: every number of the domain arrives in its own field. Method: values that all differ, and
// the messages' own reflection to prove that no field was forgotten.
#include "server/admin/messages/stats_messages.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/admin/grpc_status.h"
#include "server/admin/messages/field_messages.h"
#include "server/admin/messages/operation_messages.h"
#include "tests/unit/server/admin/fake_control.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Fails for every field of `message` that is not set.
void ExpectAllSet(const google::protobuf::Message& message) {
  const auto* reflection = message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> set;
  reflection->ListFields(message, &set);
  const std::set<const google::protobuf::FieldDescriptor*> have(set.begin(), set.end());
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    EXPECT_TRUE(have.contains(message.GetDescriptor()->field(i)))
        << message.GetDescriptor()->field(i)->full_name();
  }
}

TEST(Convert, CountersCompletely) {
  const CounterSnapshot from = SampleStats().reactors[0].counters;
  pb::Counters to;
  ToProto(from, to);
  ExpectAllSet(to);
  ExpectAllSet(to.connections_closed());
  ExpectAllSet(to.connections_rejected());
  ExpectAllSet(to.proxy_headers());
  ExpectAllSet(to.tls_failures());
  EXPECT_EQ(to.connections_active(), from.connections_active);
  EXPECT_EQ(to.connections_accepted(), from.connections_accepted);
  EXPECT_EQ(to.connections_closed().peer_closed(), from.connections_closed[0]);
  EXPECT_EQ(to.connections_closed().peer_reset(), from.connections_closed[1]);
  EXPECT_EQ(to.connections_closed().timed_out(), from.connections_closed[2]);
  EXPECT_EQ(to.connections_closed().io_error(), from.connections_closed[3]);
  EXPECT_EQ(to.connections_closed().drained(), from.connections_closed[4]);
  EXPECT_EQ(to.connections_closed().drain_forced(), from.connections_closed[5]);
  EXPECT_EQ(to.connections_closed().idle_timeout(), from.connections_closed[8]);
  EXPECT_EQ(to.connections_closed().max_age(), from.connections_closed[9]);
  EXPECT_EQ(to.connections_closed().no_first_byte(), from.connections_closed[10]);
  EXPECT_EQ(to.connections_closed().proxy_header(), from.connections_closed[11]);
  EXPECT_EQ(to.connections_closed().handshake_timeout(), from.connections_closed[12]);
  EXPECT_EQ(to.connections_closed().tls_error(), from.connections_closed[13]);
  EXPECT_EQ(to.connections_rejected().fd_limit_select(), from.connections_rejected[0]);
  EXPECT_EQ(to.connections_rejected().table_full(), from.connections_rejected[1]);
  EXPECT_EQ(to.connections_rejected().poller_error(), from.connections_rejected[2]);
  EXPECT_EQ(to.connections_rejected().draining(), from.connections_rejected[3]);
  EXPECT_EQ(to.connections_rejected().total_limit(), from.connections_rejected[4]);
  EXPECT_EQ(to.connections_rejected().client_limit(), from.connections_rejected[5]);
  EXPECT_EQ(to.connections_rejected().accept_rate(), from.connections_rejected[6]);
  EXPECT_EQ(to.accept_rate_waits(), from.accept_rate_waits);
  EXPECT_EQ(to.connections_moved_in(), from.connections_moved_in);
  EXPECT_EQ(to.connections_moved_out(), from.connections_moved_out);
  EXPECT_EQ(to.received_bytes(), from.received_bytes);
  EXPECT_EQ(to.sent_bytes(), from.sent_bytes);
  EXPECT_EQ(to.reads(), from.reads);
  EXPECT_EQ(to.writes(), from.writes);
  EXPECT_EQ(to.partial_writes(), from.partial_writes);
  EXPECT_EQ(to.ready_events(), from.ready_events);
  EXPECT_EQ(to.wakeups(), from.wakeups);
  EXPECT_EQ(to.loop_busy_nanoseconds(), from.loop_busy_ns);
  EXPECT_EQ(to.loop_wait_nanoseconds(), from.loop_wait_ns);
  EXPECT_EQ(to.loop_spin_nanoseconds(), from.loop_spin_ns);
  EXPECT_EQ(to.accept_errors_fd(), from.accept_errors[0]);
  EXPECT_EQ(to.accept_errors_memory(), from.accept_errors[1]);
  EXPECT_EQ(to.accept_errors_other(), from.accept_errors[2]);
  EXPECT_EQ(to.accepted_from_adopted(), from.accepted_from_adopted);
  EXPECT_EQ(to.loop_stalls(), from.loop_stalls);
  EXPECT_EQ(to.loop_longest_nanoseconds(), from.loop_longest_ns);
  EXPECT_EQ(to.pending_bytes(), from.pending_bytes);
  EXPECT_EQ(to.proxy_headers().v1(), from.proxy_headers[0]);
  EXPECT_EQ(to.proxy_headers().timed_out(), from.proxy_headers[8]);
  EXPECT_EQ(to.tls_handshakes(), from.tls_handshakes);
  EXPECT_EQ(to.tls_failures().not_tls(), from.tls_failures[0]);
  EXPECT_EQ(to.tls_failures().other(), from.tls_failures[6]);
}

// A row of the table is one field, of its name, and no other.
TEST(Convert, EveryCounterHasAFieldOfItsName) {
  std::set<std::string> names;
  for (const NumberRow<CounterSnapshot>& row : CounterNumbers()) {
    CounterSnapshot from;
    from.*row.value = 7;
    pb::Counters to;
    ToProto(from, to);
    std::string name = row.name;
    if (name.ends_with("_ns")) name.replace(name.size() - 2, 2, "nanoseconds");
    const auto* field = pb::Counters::descriptor()->FindFieldByName(name);
    ASSERT_NE(field, nullptr) << name;
    EXPECT_EQ(to.GetReflection()->GetUInt64(to, field), 7U) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_THAT(row.metric, testing::StartsWith("echogw_"));
    EXPECT_THAT(row.help, testing::EndsWith("."));
  }
  for (const CountsRow<CounterSnapshot>& row : CounterCounts()) {
    EXPECT_EQ(row.values(CounterSnapshot()).size(), row.names.size()) << row.name;
    if (row.name == std::string("accept_errors")) continue;
    const auto* field = pb::Counters::descriptor()->FindFieldByName(row.name);
    ASSERT_NE(field, nullptr) << row.name;
    ASSERT_EQ(field->message_type()->field_count(), static_cast<int>(row.names.size()));
    for (std::size_t i = 0; i < row.names.size(); ++i) {
      EXPECT_EQ(field->message_type()->field(static_cast<int>(i))->name(), row.names[i]);
    }
  }
}

TEST(Convert, UdpCompletely) {
  const UdpSnapshot from = SampleStats().reactors[1].counters.udp;
  pb::GetStatsResponse stats;
  ToProto(SampleStats(), stats);
  const pb::UdpCounters& to = stats.reactors(1).counters().udp();
  ExpectAllSet(to);
  ExpectAllSet(to.dropped());
  EXPECT_EQ(to.received_datagrams(), from.received_datagrams);
  EXPECT_EQ(to.sent_datagrams(), from.sent_datagrams);
  EXPECT_EQ(to.received_bytes(), from.received_bytes);
  EXPECT_EQ(to.sent_bytes(), from.sent_bytes);
  EXPECT_EQ(to.receives(), from.receives);
  EXPECT_EQ(to.sends(), from.sends);
  EXPECT_EQ(to.receive_errors(), from.receive_errors);
  EXPECT_EQ(to.dropped().would_block(), from.dropped[0]);
  EXPECT_EQ(to.dropped().send_error(), from.dropped[1]);
  EXPECT_EQ(to.dropped().truncated(), from.dropped[2]);
  EXPECT_EQ(to.dropped().service_port(), from.dropped[3]);
  EXPECT_EQ(to.dropped().group_address(), from.dropped[4]);
  EXPECT_EQ(to.dropped().draining(), from.dropped[5]);
  EXPECT_EQ(stats.total().udp().sends(), 1051U + 1052U);
  ASSERT_EQ(stats.reactors(1).udp_sockets_size(), 1);
  const pb::UdpSocket& socket = stats.reactors(1).udp_sockets(0);
  EXPECT_EQ(socket.address(), "127.0.0.1:7000");
  EXPECT_EQ(socket.slot(), 1U);
  EXPECT_EQ(socket.owner(), 0U);
  EXPECT_EQ(socket.queue_bytes(), 61U);
  EXPECT_EQ(socket.queue_limit_bytes(), 212992U);
  EXPECT_EQ(socket.drops(), 71U);
}

TEST(Convert, Reactors) {
  pb::GetStatsResponse to;
  ToProto(SampleStats(), to);
  EXPECT_EQ(to.state(), pb::GATEWAY_STATE_SERVING);
  ASSERT_EQ(to.reactors_size(), 2);
  EXPECT_EQ(to.reactors(0).cpu(), 3);
  EXPECT_EQ(to.reactors(1).cpu(), -1);
  EXPECT_EQ(to.reactors(1).id(), 1U);
  EXPECT_EQ(to.reactors(1).state(), pb::REACTOR_STATE_PARKED);
  EXPECT_EQ(to.reactors(1).steering_weight(), 8U);
  ASSERT_EQ(to.reactors(1).listeners_size(), 1);
  const pb::Listener& listener = to.reactors(1).listeners(0);
  EXPECT_EQ(listener.address(), "127.0.0.1:7000");
  EXPECT_EQ(listener.slot(), 1U);
  EXPECT_EQ(listener.owner(), 0U);
  EXPECT_EQ(listener.accept_queue(), 41U);
  EXPECT_EQ(listener.accept_queue_limit(), 4096U);
  EXPECT_EQ(listener.drops(), 51U);
  EXPECT_EQ(to.total().connections_active(), SampleStats().total.connections_active);
}

TEST(Convert, OperationsCompletely) {
  Operation from;
  from.id = 1;
  from.kind = OperationKind::kMove;
  from.result = OperationResult::kTimedOut;
  from.start_time = std::chrono::system_clock::time_point(milliseconds(1500));
  from.elapsed = milliseconds(2500);
  from.phase = "join";
  from.phases = {{.name = "steer", .elapsed = nanoseconds(3)}};
  from.reactors_before = 4;
  from.reactors_target = 5;
  from.connections_moved = 6;
  from.connections_closed = 7;
  from.connections_reset = 8;
  from.connections_left = 9;
  from.accepted_from_parked = 10;
  from.kernel_before = {.listen_overflows = 11,
                        .listen_drops = 12,
                        .tcp_abort_on_close = 13,
                        .tcp_migrate_req_failure = 14};
  from.kernel_after = {.listen_overflows = 15,
                       .listen_drops = 16,
                       .tcp_abort_on_close = 17,
                       .tcp_migrate_req_failure = 18};
  from.message = "moved";
  from.reactor = 19;
  from.dry_run = true;
  from.moves = {{.from = 20, .to = 21, .connections = 22}};
  from.imbalance_before = 1.5;
  from.imbalance_after = 1.25;
  from.changes = {{.key = "listen", .before = {":1"}, .after = {":1", ":2"}}};
  from.pause = milliseconds(23);
  pb::Operation to;
  ToProto(from, to);
  ExpectAllSet(to.changes(0));
  // As another process reads it.
  pb::Operation again;
  ToProto(FromProto(to), again);
  EXPECT_EQ(again.SerializeAsString(), to.SerializeAsString());
  ExpectAllSet(to);
  ExpectAllSet(to.kernel_before());
  ExpectAllSet(to.phases(0));
  ExpectAllSet(to.moves(0));
  EXPECT_EQ(to.kind(), pb::OPERATION_KIND_MOVE);
  EXPECT_EQ(to.result(), pb::OPERATION_RESULT_TIMED_OUT);
  EXPECT_EQ(to.start_time().seconds(), 1);
  EXPECT_EQ(to.start_time().nanos(), 500'000'000);
  EXPECT_EQ(to.elapsed().seconds(), 2);
  EXPECT_EQ(to.elapsed().nanos(), 500'000'000);
  EXPECT_EQ(to.phases(0).elapsed().nanos(), 3);
  EXPECT_EQ(to.reactors_before(), 4U);
  EXPECT_EQ(to.reactors_target(), 5U);
  EXPECT_EQ(to.connections_moved(), 6U);
  EXPECT_EQ(to.connections_closed(), 7U);
  EXPECT_EQ(to.connections_reset(), 8U);
  EXPECT_EQ(to.connections_left(), 9U);
  EXPECT_EQ(to.accepted_from_parked(), 10U);
  EXPECT_EQ(to.kernel_before().tcp_migrate_req_failure(), 14U);
  EXPECT_EQ(to.kernel_after().listen_overflows(), 15U);
  EXPECT_EQ(to.kernel_after().listen_drops(), 16U);
  EXPECT_EQ(to.kernel_after().tcp_abort_on_close(), 17U);
  EXPECT_EQ(to.reactor(), 19U);
  EXPECT_EQ(to.moves(0).from_reactor(), 20U);
  EXPECT_EQ(to.moves(0).to_reactor(), 21U);
  EXPECT_EQ(to.moves(0).connections(), 22U);
}

TEST(Convert, EnumerationsOneToOne) {
  for (std::size_t i = 0; i < kGatewayStateNames.size(); ++i) {
    EXPECT_EQ(pb::GatewayState_Name(ToProto(static_cast<GatewayState>(i))),
              "GATEWAY_STATE_" + absl::AsciiStrToUpper(kGatewayStateNames[i]));
  }
  for (std::size_t i = 0; i < kReactorStateNames.size(); ++i) {
    EXPECT_EQ(pb::ReactorState_Name(EnumToProto<pb::ReactorState>(static_cast<ReactorState>(i))),
              "REACTOR_STATE_" + absl::AsciiStrToUpper(kReactorStateNames[i]));
  }
  using Kind = OperationKind;
  EXPECT_EQ(EnumToProto<pb::OperationKind>(Kind::kResize), pb::OPERATION_KIND_RESIZE);
  EXPECT_EQ(EnumToProto<pb::OperationKind>(Kind::kMove), pb::OPERATION_KIND_MOVE);
  EXPECT_EQ(EnumToProto<pb::OperationKind>(Kind::kRebalance), pb::OPERATION_KIND_REBALANCE);
  EXPECT_EQ(EnumToProto<pb::OperationKind>(Kind::kDrainReactor), pb::OPERATION_KIND_DRAIN_REACTOR);
  EXPECT_EQ(EnumToProto<pb::OperationKind>(Kind::kDrainGateway), pb::OPERATION_KIND_DRAIN_GATEWAY);
  using Result = OperationResult;
  EXPECT_EQ(EnumToProto<pb::OperationResult>(Result::kRunning), pb::OPERATION_RESULT_RUNNING);
  EXPECT_EQ(EnumToProto<pb::OperationResult>(Result::kSucceeded), pb::OPERATION_RESULT_SUCCEEDED);
  EXPECT_EQ(EnumToProto<pb::OperationResult>(Result::kTimedOut), pb::OPERATION_RESULT_TIMED_OUT);
  EXPECT_EQ(EnumToProto<pb::OperationResult>(Result::kCancelled), pb::OPERATION_RESULT_CANCELLED);
  EXPECT_EQ(EnumToProto<pb::OperationResult>(Result::kFailed), pb::OPERATION_RESULT_FAILED);
  EXPECT_EQ(EnumToProto<pb::EventSeverity>(EventSeverity::kInfo), pb::EVENT_SEVERITY_INFO);
  EXPECT_EQ(EnumToProto<pb::EventSeverity>(EventSeverity::kWarning), pb::EVENT_SEVERITY_WARNING);
  EXPECT_EQ(EnumToProto<pb::EventSeverity>(EventSeverity::kError), pb::EVENT_SEVERITY_ERROR);
}

TEST(Convert, UnknownEnumerationsAreRefused) {
  const auto read = [](int value) { return EnumFromProto("refuse", value, RefuseMode::kSilent); };
  EXPECT_EQ(*read(pb::REFUSE_MODE_UNSPECIFIED), std::nullopt);
  EXPECT_EQ(*read(pb::REFUSE_MODE_ACCEPT), RefuseMode::kAccept);
  EXPECT_EQ(*read(pb::REFUSE_MODE_SILENT), RefuseMode::kSilent);
  for (const int value : {-1, 4, 99}) {
    EXPECT_EQ(read(value).status().code(), absl::StatusCode::kInvalidArgument) << value;
  }
}

TEST(Convert, TimesBeforeTheEpochHavePositiveNanos) {
  google::protobuf::Timestamp to;
  ToProto(std::chrono::system_clock::time_point(milliseconds(-500)), to);
  EXPECT_EQ(to.seconds(), -1);
  EXPECT_EQ(to.nanos(), 500'000'000);
}

TEST(GrpcStatus, KeepsCodeAndMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const auto status = ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "why"));
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(status.error_message(), "why");
  }
}

}  // namespace
}  // namespace echogw::server
