// Domain values to messages of the admin API. Pure functions; any thread.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>

#include "echogw/admin/v1/admin.pb.h"
#include "reactor/stats/counters.h"
#include "server/pool/control.h"

namespace echogw::server {

namespace pb = admin::v1;

[[nodiscard]] pb::GatewayState ToProto(GatewayState state);
[[nodiscard]] pb::ReactorState ToProto(ReactorState state);
[[nodiscard]] pb::OperationKind ToProto(OperationKind kind);
[[nodiscard]] pb::OperationResult ToProto(OperationResult result);

void ToProto(std::chrono::nanoseconds from, google::protobuf::Duration& to);
void ToProto(std::chrono::system_clock::time_point from, google::protobuf::Timestamp& to);
void ToProto(const CounterSnapshot& from, pb::Counters& to);
void ToProto(const ReactorStats& from, pb::Reactor& to);
void ToProto(const Operation& from, pb::Operation& to);

// State, totals and reactors; the rest of the message is the caller's.
void ToProto(const GatewayStats& from, pb::GetStatsResponse& to);

}  // namespace echogw::server
