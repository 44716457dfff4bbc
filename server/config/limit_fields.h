// The limits of the data plane as a table, of which messages, metrics and events are made; and a
// change of some of them. Constant, and values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "echogw/admin/v1/admin.pb.h"
#include "server/pool/control.h"

namespace echogw::server {

// A limit that is a number or a time. AcceptExcess is neither, and stands beside the table.
struct LimitField {
  // Of the message's field, with its unit.
  const char* name;
  // One of these two is set. A time is in nanoseconds.
  std::uint64_t Limits::*number;
  Nanos Limits::*time;
  // What it may be. 0 too, unless it is not `optional`.
  std::uint64_t min;
  std::uint64_t max;
  bool optional = true;
};
[[nodiscard]] const std::vector<LimitField>& LimitFields();

void ToProto(const Limits& from, admin::v1::Limits& to);

// Fields that are not set stay as they are. InvalidArgument with the name of the field.
[[nodiscard]] absl::StatusOr<LimitsChange> FromProto(const admin::v1::Limits& from);

// "idle_timeout 0 -> 30s, max_age 1h -> 0", or "no limit changed".
[[nodiscard]] std::string Difference(const Limits& before, const Limits& after);

// A name and a number for each limit, times in seconds.
struct LimitValue {
  std::string name;
  double value = 0;
};
[[nodiscard]] std::vector<LimitValue> LimitValues(const Limits& limits);

}  // namespace echogw::server
