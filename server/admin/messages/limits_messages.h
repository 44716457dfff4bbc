// The limits of the data plane as messages and as text. Pure functions; any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "echogw/admin/v1/admin.pb.h"
#include "server/pool/control.h"

namespace echogw::server {

void ToProto(const Limits& from, admin::v1::Limits& to);

// Fields that are not set stay as they are. InvalidArgument with the name of the field.
[[nodiscard]] absl::StatusOr<LimitsChange> FromProto(const admin::v1::Limits& from);

// "idle_timeout 0 -> 30s, max_age 1h -> 0", or "no limit changed".
[[nodiscard]] std::string Difference(const Limits& before, const Limits& after);

}  // namespace echogw::server
