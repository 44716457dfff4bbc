// Fields that many messages have: times and enumerations. What is not valid is InvalidArgument with
// the name of the field. Pure functions; any thread.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace echogw::server {

// "FIELD: WHY".
template <typename... Parts>
absl::Status InvalidField(const char* field, const Parts&... why) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", why...));
}

// Every enumeration of the API is its domain's, in the same order after UNSPECIFIED.
template <typename To, typename From>
To EnumToProto(From from) {
  return static_cast<To>(static_cast<int>(from) + 1);
}

// Unset for UNSPECIFIED. A field of a message holds whatever number the caller sent.
template <typename To>
absl::StatusOr<std::optional<To>> EnumFromProto(const char* field, int from, To last) {
  if (from < 0 || from > static_cast<int>(last) + 1) {
    return InvalidField(field, from, " is not a value that this gateway knows");
  }
  return from == 0 ? std::optional<To>() : static_cast<To>(from - 1);
}

void ToProto(std::chrono::nanoseconds from, google::protobuf::Duration& to);
void ToProto(std::chrono::system_clock::time_point from, google::protobuf::Timestamp& to);

[[nodiscard]] std::chrono::nanoseconds FromProto(const google::protobuf::Duration& from);
[[nodiscard]] std::chrono::system_clock::time_point FromProto(
    const google::protobuf::Timestamp& from);

// A field that is set, within [min, max].
[[nodiscard]] absl::Status ReadTime(const char* field, const google::protobuf::Duration& from,
                                    std::chrono::nanoseconds min, std::chrono::nanoseconds max,
                                    std::chrono::nanoseconds& to);

}  // namespace echogw::server
