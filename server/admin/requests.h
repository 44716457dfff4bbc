// Messages of the admin API to domain requests: what can be refused without asking the gateway is
// refused here, as InvalidArgument with the name of the field. Pure functions; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "echogw/admin/v1/admin.pb.h"
#include "server/admin/messages/convert.h"
#include "server/pool/control.h"

namespace echogw::server {

// No drain or resize makes sense for longer, and its end must fit any clock.
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

// The reactor to take back; unset for the gateway.
[[nodiscard]] absl::StatusOr<std::optional<std::uint32_t>> FromProto(
    const pb::UndrainRequest& from);

// A field that is set, within [min, max].
[[nodiscard]] absl::Status ReadTime(const std::string& field,
                                    const google::protobuf::Duration& from,
                                    std::chrono::nanoseconds min, std::chrono::nanoseconds max,
                                    std::chrono::nanoseconds& to);

// An age or idle time in a filter: not negative. One that is not set keeps what `to` holds.
[[nodiscard]] absl::Status ReadAge(const std::string& field, const google::protobuf::Duration& from,
                                   std::chrono::nanoseconds& to);

[[nodiscard]] absl::StatusOr<std::chrono::nanoseconds> WatchInterval(
    const pb::WatchStatsRequest& from);

}  // namespace echogw::server
