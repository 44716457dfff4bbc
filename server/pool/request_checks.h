// Whether a request can be carried out. Any thread; the checks of reactors hold as long as no
// operation runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "server/pool/control.h"
#include "server/pool/drainer.h"
#include "server/pool/pool_context.h"

namespace echogw::server {

using Request = std::variant<ResizeRequest, MoveRequest, RebalanceRequest, DrainRequest,
                             UndrainRequest, UpgradeRequest>;

// Durations in requests are at most this long.
inline constexpr std::chrono::hours kDeadlineMax{24};

// InvalidArgument if a value is out of range.
[[nodiscard]] absl::Status CheckValues(const ResizeRequest& request);
[[nodiscard]] absl::Status CheckValues(const DrainRequest& request);
[[nodiscard]] absl::Status CheckValues(const UpgradeRequest& request);

// InvalidArgument unless the reactor runs.
[[nodiscard]] absl::Status CheckReactor(const PoolContext& pool, std::uint32_t reactor);
// Fails unless the reactors that the request names exist and are in the right state.
[[nodiscard]] absl::Status CheckReactors(const PoolContext& pool, const Request& request);
// Fails unless the weights are valid and leave a serving reactor with one above 0. On success
// `result` has the weight of every running reactor.
[[nodiscard]] absl::Status CheckWeights(const PoolContext& pool,
                                        const std::vector<SteeringWeight>& weights, bool reset,
                                        std::vector<SteeringWeight>& result);

}  // namespace echogw::server
