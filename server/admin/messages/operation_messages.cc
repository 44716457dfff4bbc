#include "server/admin/messages/operation_messages.h"

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "reactor/options.h"
#include "server/admin/messages/field_messages.h"

namespace echogw::server {
namespace {

using std::chrono::nanoseconds;

enum class AutoMode : std::uint8_t { kOff, kOn };

absl::Status CheckReactor(const char* field, std::uint32_t reactor) {
  if (reactor < kReactorsMax) return absl::OkStatus();
  return InvalidField(field, reactor, " is not a reactor from 0 to ", kReactorsMax - 1);
}

absl::Status CheckScope(const pb::DrainRequest& from) {
  if (!from.has_reactor()) {
    if (from.let_finish())
      return InvalidField("let_finish", "is for the drain of one reactor; set reactor");
    return absl::OkStatus();
  }
  constexpr const char* kWhy = "is for the drain of the whole gateway; leave reactor unset";
  if (from.has_quiet_period()) return InvalidField("quiet_period", kWhy);
  if (from.has_quiet_max_wait()) return InvalidField("quiet_max_wait", kWhy);
  if (from.refuse() != pb::REFUSE_MODE_UNSPECIFIED) return InvalidField("refuse", kWhy);
  if (from.has_spread()) return InvalidField("spread", kWhy);
  return CheckReactor("reactor", from.reactor());
}

void ToProto(const KernelCounters& from, pb::KernelCounters& to) {
  to.set_listen_overflows(from.listen_overflows);
  to.set_listen_drops(from.listen_drops);
  to.set_tcp_abort_on_close(from.tcp_abort_on_close);
  to.set_tcp_migrate_req_failure(from.tcp_migrate_req_failure);
}

KernelCounters FromProto(const pb::KernelCounters& from) {
  return {.listen_overflows = from.listen_overflows(),
          .listen_drops = from.listen_drops(),
          .tcp_abort_on_close = from.tcp_abort_on_close(),
          .tcp_migrate_req_failure = from.tcp_migrate_req_failure()};
}

template <typename To>
To KnownOr(int from, To last) {
  return from > 0 && from <= static_cast<int>(last) + 1 ? static_cast<To>(from - 1) : To{};
}

}  // namespace

absl::StatusOr<ResizeRequest> FromProto(const pb::ResizeRequest& from) {
  ResizeRequest to;
  if (from.target() < 1 || from.target() > kReactorsMax) {
    return InvalidField("target", from.target(), " is not a number from 1 to ", kReactorsMax);
  }
  to.target = from.target();
  to.dry_run = from.dry_run();
  if (from.has_deadline()) {
    auto status =
        ReadTime("deadline", from.deadline(), nanoseconds(0), kRequestTimeMax, to.deadline);
    if (!status.ok()) return status;
  }
  return to;
}

absl::StatusOr<MoveRequest> FromProto(const pb::MoveRequest& from) {
  if (auto s = CheckReactor("from_reactor", from.from_reactor()); !s.ok()) return s;
  if (auto s = CheckReactor("to_reactor", from.to_reactor()); !s.ok()) return s;
  if (from.from_reactor() == from.to_reactor()) {
    return InvalidField("to_reactor", "must differ from from_reactor");
  }
  return MoveRequest{
      .from = from.from_reactor(), .to = from.to_reactor(), .connections = from.connections()};
}

absl::StatusOr<DrainRequest> FromProto(const pb::DrainRequest& from, RefuseMode refuse_default) {
  DrainRequest to;
  if (auto s = CheckScope(from); !s.ok()) return s;
  if (from.has_reactor()) to.reactor = from.reactor();
  to.let_finish = from.let_finish();
  const auto refuse = EnumFromProto("refuse", from.refuse(), RefuseMode::kSilent);
  if (!refuse.ok()) return refuse.status();
  to.refuse = refuse->value_or(refuse_default);
  absl::Status status;
  const auto read = [&status](const char* field, bool set, const auto& value, nanoseconds& out) {
    if (set && status.ok()) status = ReadTime(field, value, nanoseconds(0), kRequestTimeMax, out);
  };
  read("deadline", from.has_deadline(), from.deadline(), to.deadline);
  read("quiet_period", from.has_quiet_period(), from.quiet_period(), to.quiet_period);
  read("quiet_max_wait", from.has_quiet_max_wait(), from.quiet_max_wait(), to.quiet_max_wait);
  read("spread", from.has_spread(), from.spread(), to.spread);
  if (!status.ok()) return status;
  return to;
}

absl::StatusOr<RebalanceChoice> FromProto(const pb::RebalanceRequest& from) {
  RebalanceChoice to;
  const auto policy = EnumFromProto("policy", from.policy(), RebalancePolicy::kBusy);
  if (!policy.ok()) return policy.status();
  to.once.policy = *policy;
  to.once.dry_run = from.dry_run();
  to.once.max_moves = from.max_moves();
  const auto mode = EnumFromProto("auto", from.auto_(), AutoMode::kOn);
  if (!mode.ok()) return mode.status();
  if (!*mode) return to;
  if (from.dry_run()) return InvalidField("dry_run", "cannot be combined with auto");
  if (from.max_moves() != 0) return InvalidField("max_moves", "cannot be combined with auto");
  to.set_auto = *mode == AutoMode::kOn;
  return to;
}

absl::StatusOr<SteeringRequest> FromProto(const pb::SetSteeringRequest& from) {
  SteeringRequest to;
  to.reset = from.reset();
  std::set<std::uint32_t> seen;
  for (const pb::SteeringWeight& weight : from.weights()) {
    if (auto s = CheckReactor("weights.reactor", weight.reactor()); !s.ok()) return s;
    if (weight.weight() > kSteeringWeightMax) {
      return InvalidField("weights.weight", weight.weight(), " is not a number from 0 to ",
                          kSteeringWeightMax);
    }
    if (!seen.insert(weight.reactor()).second) {
      return InvalidField("weights.reactor", weight.reactor(), " is named twice");
    }
    to.weights.push_back({.reactor = weight.reactor(), .weight = weight.weight()});
  }
  if (to.weights.empty() && !to.reset)
    return InvalidField("weights", "name a reactor, or set reset");
  return to;
}

absl::StatusOr<UpgradeRequest> FromProto(const pb::UpgradeRequest& from) {
  UpgradeRequest to;
  if (from.same_binary() && !from.binary().empty()) {
    return InvalidField("binary", "cannot be combined with same_binary");
  }
  for (const auto& [field, path] :
       {std::pair{"binary", from.binary()}, std::pair{"config", from.config()}}) {
    if (!path.empty() && path[0] != '/') {
      return InvalidField(field, "'", path, "' is not an absolute path");
    }
  }
  to.binary = from.binary();
  to.same_binary = from.same_binary();
  to.config = from.config();
  to.in_place = from.in_place();
  to.dry_run = from.dry_run();
  absl::Status status;
  if (from.has_deadline()) {
    status = ReadTime("deadline", from.deadline(), nanoseconds(0), kRequestTimeMax, to.deadline);
  }
  if (status.ok() && from.has_linger()) {
    status = ReadTime("linger", from.linger(), nanoseconds(0), kRequestTimeMax, to.linger);
  }
  if (!status.ok()) return status;
  return to;
}

absl::StatusOr<std::optional<std::uint32_t>> FromProto(const pb::UndrainRequest& from) {
  if (!from.has_reactor()) return std::optional<std::uint32_t>();
  if (auto s = CheckReactor("reactor", from.reactor()); !s.ok()) return s;
  return std::optional<std::uint32_t>(from.reactor());
}

absl::StatusOr<nanoseconds> WatchInterval(const pb::WatchStatsRequest& from) {
  nanoseconds interval = kWatchIntervalDefault;
  if (from.has_interval()) {
    auto status =
        ReadTime("interval", from.interval(), kWatchIntervalMin, kWatchIntervalMax, interval);
    if (!status.ok()) return status;
  }
  return interval;
}

void ToProto(const Operation& from, pb::Operation& to) {
  to.set_id(from.id);
  to.set_kind(EnumToProto<pb::OperationKind>(from.kind));
  to.set_result(EnumToProto<pb::OperationResult>(from.result));
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
  for (const SettingChange& change : from.changes) {
    pb::SettingChange& added = *to.add_changes();
    added.set_key(change.key);
    added.mutable_before()->Assign(change.before.begin(), change.before.end());
    added.mutable_after()->Assign(change.after.begin(), change.after.end());
  }
  if (from.pause.count() != 0) ToProto(from.pause, *to.mutable_pause());
}

Operation FromProto(const pb::Operation& from) {
  Operation to;
  to.id = from.id();
  to.version = 1;
  to.kind = KnownOr(from.kind(), OperationKind::kUpgrade);
  to.result = KnownOr(from.result(), OperationResult::kFailed);
  to.start_time = FromProto(from.start_time());
  to.elapsed = FromProto(from.elapsed());
  to.phase = from.phase();
  for (const pb::OperationPhase& phase : from.phases()) {
    to.phases.push_back({phase.name(), FromProto(phase.elapsed())});
  }
  to.reactors_before = from.reactors_before();
  to.reactors_target = from.reactors_target();
  to.connections_moved = from.connections_moved();
  to.connections_closed = from.connections_closed();
  to.connections_reset = from.connections_reset();
  to.connections_left = from.connections_left();
  to.accepted_from_parked = from.accepted_from_parked();
  to.kernel_before = FromProto(from.kernel_before());
  to.kernel_after = FromProto(from.kernel_after());
  to.message = from.message();
  if (from.has_reactor()) to.reactor = from.reactor();
  to.dry_run = from.dry_run();
  for (const pb::PlannedMove& move : from.moves()) {
    to.moves.push_back({move.from_reactor(), move.to_reactor(), move.connections()});
  }
  to.imbalance_before = from.imbalance_before();
  to.imbalance_after = from.imbalance_after();
  for (const pb::SettingChange& change : from.changes()) {
    to.changes.push_back({change.key(),
                          {change.before().begin(), change.before().end()},
                          {change.after().begin(), change.after().end()}});
  }
  to.pause = FromProto(from.pause());
  return to;
}

}  // namespace echogw::server
