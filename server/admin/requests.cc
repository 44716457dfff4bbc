#include "server/admin/requests.h"

#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "reactor/options.h"

namespace echogw::server {
namespace {

using std::chrono::nanoseconds;

absl::Status Bad(const std::string& field, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", why));
}

absl::Status CheckReactor(const std::string& field, std::uint32_t reactor) {
  if (reactor < kReactorsMax) return absl::OkStatus();
  return Bad(field, absl::StrCat(reactor, " is not a reactor from 0 to ", kReactorsMax - 1));
}

// An enum field holds any number that the caller sent.
absl::Status UnknownValue(const std::string& field, int value) {
  return Bad(field, absl::StrCat(value, " is not a value that this gateway knows"));
}

absl::Status ReadRefuse(pb::RefuseMode from, RefuseMode& to) {
  switch (from) {
    case pb::REFUSE_MODE_UNSPECIFIED:
      return absl::OkStatus();
    case pb::REFUSE_MODE_ACCEPT:
      to = RefuseMode::kAccept;
      return absl::OkStatus();
    case pb::REFUSE_MODE_RESET:
      to = RefuseMode::kReset;
      return absl::OkStatus();
    case pb::REFUSE_MODE_SILENT:
      to = RefuseMode::kSilent;
      return absl::OkStatus();
    default:
      return UnknownValue("refuse", from);
  }
}

absl::Status ReadPolicy(pb::RebalancePolicy from, std::optional<RebalancePolicy>& to) {
  switch (from) {
    case pb::REBALANCE_POLICY_UNSPECIFIED:
      return absl::OkStatus();
    case pb::REBALANCE_POLICY_CONNECTIONS:
      to = RebalancePolicy::kConnections;
      return absl::OkStatus();
    case pb::REBALANCE_POLICY_BYTES:
      to = RebalancePolicy::kBytes;
      return absl::OkStatus();
    case pb::REBALANCE_POLICY_BUSY:
      to = RebalancePolicy::kBusy;
      return absl::OkStatus();
    default:
      return UnknownValue("policy", from);
  }
}

absl::Status CheckScope(const pb::DrainRequest& from) {
  if (!from.has_reactor()) {
    if (from.let_finish()) return Bad("let_finish", "is for the drain of one reactor; set reactor");
    return absl::OkStatus();
  }
  constexpr const char* kWhy = "is for the drain of the whole gateway; leave reactor unset";
  if (from.has_quiet_period()) return Bad("quiet_period", kWhy);
  if (from.has_quiet_max_wait()) return Bad("quiet_max_wait", kWhy);
  if (from.refuse() != pb::REFUSE_MODE_UNSPECIFIED) return Bad("refuse", kWhy);
  if (from.has_spread()) return Bad("spread", kWhy);
  return CheckReactor("reactor", from.reactor());
}

}  // namespace

absl::Status ReadTime(const std::string& field, const google::protobuf::Duration& from,
                      nanoseconds min, nanoseconds max, nanoseconds& to) {
  constexpr std::int32_t kNanosMax = 999'999'999;
  const bool same_sign =
      from.seconds() == 0 || from.nanos() == 0 || (from.seconds() < 0) == (from.nanos() < 0);
  if (from.nanos() < -kNanosMax || from.nanos() > kNanosMax || !same_sign) {
    return Bad(field, "is not a well-formed duration");
  }
  if (from.seconds() < 0 || from.nanos() < 0) return Bad(field, "must not be negative");
  // Compared in absl's time, which has room for every value of the message.
  const absl::Duration value = absl::Seconds(from.seconds()) + absl::Nanoseconds(from.nanos());
  if (value < absl::FromChrono(min) || value > absl::FromChrono(max)) {
    return Bad(field, absl::StrCat("must be from ", absl::FormatDuration(absl::FromChrono(min)),
                                   " to ", absl::FormatDuration(absl::FromChrono(max))));
  }
  to = absl::ToChronoNanoseconds(value);
  return absl::OkStatus();
}

absl::StatusOr<ResizeRequest> FromProto(const pb::ResizeRequest& from) {
  ResizeRequest to;
  if (from.target() < 1 || from.target() > kReactorsMax) {
    return Bad("target", absl::StrCat(from.target(), " is not a number from 1 to ", kReactorsMax));
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
    return Bad("to_reactor", "must differ from from_reactor");
  }
  return MoveRequest{
      .from = from.from_reactor(), .to = from.to_reactor(), .connections = from.connections()};
}

absl::StatusOr<DrainRequest> FromProto(const pb::DrainRequest& from, RefuseMode refuse_default) {
  DrainRequest to;
  if (auto s = CheckScope(from); !s.ok()) return s;
  if (from.has_reactor()) to.reactor = from.reactor();
  to.let_finish = from.let_finish();
  to.refuse = refuse_default;
  if (auto s = ReadRefuse(from.refuse(), to.refuse); !s.ok()) return s;
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
  if (auto s = ReadPolicy(from.policy(), to.once.policy); !s.ok()) return s;
  to.once.dry_run = from.dry_run();
  to.once.max_moves = from.max_moves();
  if (from.auto_() == pb::AUTO_REBALANCE_UNSPECIFIED) return to;
  if (from.auto_() != pb::AUTO_REBALANCE_ON && from.auto_() != pb::AUTO_REBALANCE_OFF) {
    return UnknownValue("auto", from.auto_());
  }
  if (from.dry_run()) return Bad("dry_run", "cannot be combined with auto");
  if (from.max_moves() != 0) return Bad("max_moves", "cannot be combined with auto");
  to.set_auto = from.auto_() == pb::AUTO_REBALANCE_ON;
  return to;
}

absl::StatusOr<SteeringRequest> FromProto(const pb::SetSteeringRequest& from) {
  SteeringRequest to;
  to.reset = from.reset();
  std::set<std::uint32_t> seen;
  for (const pb::SteeringWeight& weight : from.weights()) {
    if (auto s = CheckReactor("weights.reactor", weight.reactor()); !s.ok()) return s;
    if (weight.weight() > kSteeringWeightMax) {
      return Bad("weights.weight",
                 absl::StrCat(weight.weight(), " is not a number from 0 to ", kSteeringWeightMax));
    }
    if (!seen.insert(weight.reactor()).second) {
      return Bad("weights.reactor", absl::StrCat(weight.reactor(), " is named twice"));
    }
    to.weights.push_back({.reactor = weight.reactor(), .weight = weight.weight()});
  }
  if (to.weights.empty() && !to.reset) return Bad("weights", "name a reactor, or set reset");
  return to;
}

absl::StatusOr<std::optional<std::uint32_t>> FromProto(const pb::UndrainRequest& from) {
  if (!from.has_reactor()) return std::optional<std::uint32_t>();
  if (auto s = CheckReactor("reactor", from.reactor()); !s.ok()) return s;
  return std::optional<std::uint32_t>(from.reactor());
}

absl::Status ReadAge(const std::string& field, const google::protobuf::Duration& from,
                     nanoseconds& to) {
  // No connection is older than the kernel's clock of it counts.
  constexpr nanoseconds kAgeMax = std::chrono::hours(24 * 365);
  return ReadTime(field, from, nanoseconds(0), kAgeMax, to);
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

}  // namespace echogw::server
