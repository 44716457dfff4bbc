// Requests that change the gateway, and operations: messages to domain values and back. What can be
// rejected without asking the gateway is rejected here, as InvalidArgument with the name of the
// field. Pure functions; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "echogw/admin/v1/admin.pb.h"
#include "server/pool/control.h"

namespace echogw::server {

namespace pb = admin::v1;

// Long enough for any drain or resize, and its end fits any clock.
inline constexpr std::chrono::nanoseconds kRequestTimeMax = std::chrono::hours(24);
inline constexpr std::chrono::nanoseconds kWatchIntervalMin = std::chrono::milliseconds(10);
inline constexpr std::chrono::nanoseconds kWatchIntervalMax = std::chrono::hours(1);
inline constexpr std::chrono::nanoseconds kWatchIntervalDefault = std::chrono::seconds(1);

[[nodiscard]] absl::StatusOr<ResizeRequest> FromProto(const pb::ResizeRequest& from);
[[nodiscard]] absl::StatusOr<MoveRequest> FromProto(const pb::MoveRequest& from);

// `refuse_default` stands for REFUSE_MODE_UNSPECIFIED.
[[nodiscard]] absl::StatusOr<DrainRequest> FromProto(const pb::DrainRequest& from,
                                                     RefuseMode refuse_default);

// Either a rebalance at once, or a change of the automatic mode.
struct RebalanceChoice {
  RebalanceRequest once;
  std::optional<bool> set_auto;
};
[[nodiscard]] absl::StatusOr<RebalanceChoice> FromProto(const pb::RebalanceRequest& from);

struct SteeringRequest {
  std::vector<SteeringWeight> weights;
  bool reset = false;
};
[[nodiscard]] absl::StatusOr<SteeringRequest> FromProto(const pb::SetSteeringRequest& from);

// The reactor to return to service; unset for the gateway.
[[nodiscard]] absl::StatusOr<std::optional<std::uint32_t>> FromProto(
    const pb::UndrainRequest& from);

[[nodiscard]] absl::StatusOr<std::chrono::nanoseconds> WatchInterval(
    const pb::WatchStatsRequest& from);

[[nodiscard]] absl::StatusOr<UpgradeRequest> FromProto(const pb::UpgradeRequest& from);

void ToProto(const Operation& from, pb::Operation& to);
// As another process made it: values that this release does not know are the first of their kind.
[[nodiscard]] Operation FromProto(const pb::Operation& from);

}  // namespace echogw::server
