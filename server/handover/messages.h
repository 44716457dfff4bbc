// Values of a handover and their messages. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "echogw/handover/v1/handover.pb.h"
#include "reactor/base/unique_fd.h"
#include "reactor/command.h"
#include "server/log/event_log.h"
#include "server/pool/handover.h"

namespace echogw::server {

namespace handover = echogw::handover::v1;

// The descriptor is not part of it.
void ToProto(const MovedConnection& from, handover::Connection& to);
// Owns `fd`. InvalidArgument if this release cannot serve it: a service that it does not know.
[[nodiscard]] absl::StatusOr<MovedConnection> FromProto(const handover::Connection& from,
                                                        UniqueFd fd);

// Numbers by name. Unknown names are ignored, missing ones are 0.
void ToProto(CounterSnapshot from, google::protobuf::Map<std::string, std::uint64_t>& to);
[[nodiscard]] CounterSnapshot FromProto(
    const google::protobuf::Map<std::string, std::uint64_t>& from);

void ToProto(const Limits& from, google::protobuf::Map<std::string, std::uint64_t>& to);
// Those that are missing are as in `otherwise`.
[[nodiscard]] Limits FromProto(const google::protobuf::Map<std::string, std::uint64_t>& from,
                               const Limits& otherwise);

void ToProto(const Event& from, handover::Event& to);
[[nodiscard]] Event FromProto(const handover::Event& from);

void ToProto(const PoolState& from, handover::State& to);
// Only what this release knows: a state that is unknown is "serving".
[[nodiscard]] PoolState FromProto(const handover::State& from);

// A limit that the new configuration changes comes from it, others are as they were in force.
[[nodiscard]] Limits EffectiveLimits(const Limits& in_force, const Limits& configured_before,
                                     const Limits& configured_now);

}  // namespace echogw::server
