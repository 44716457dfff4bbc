// Snapshots and events to messages, for the admin API and the status page. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "echogw/admin/v1/admin.pb.h"
#include "server/log/event_log.h"
#include "server/pool/control.h"

namespace echogw::server {

namespace pb = admin::v1;

[[nodiscard]] pb::GatewayState ToProto(GatewayState state);

void ToProto(const CounterSnapshot& from, pb::Counters& to);
void ToProto(const ReactorStats& from, pb::Reactor& to);
// State, totals and reactors; the rest of the message is the caller's.
void ToProto(const GatewayStats& from, pb::GetStatsResponse& to);
void ToProto(const Event& from, pb::Event& to);

// Takes a snapshot, which is returned, and fills the whole message.
GatewayStats FillStats(const Control& control, std::uint64_t log_lines_dropped,
                       pb::GetStatsResponse& to);

}  // namespace echogw::server
