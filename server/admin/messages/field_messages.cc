#include "server/admin/messages/field_messages.h"

#include "absl/time/time.h"

namespace echogw::server {

void ToProto(std::chrono::nanoseconds from, google::protobuf::Duration& to) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(from);
  to.set_seconds(seconds.count());
  to.set_nanos(static_cast<std::int32_t>((from - seconds).count()));
}

void ToProto(std::chrono::system_clock::time_point from, google::protobuf::Timestamp& to) {
  const auto since_epoch = from.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::chrono::nanoseconds rest = since_epoch - seconds;
  to.set_seconds(seconds.count());
  to.set_nanos(static_cast<std::int32_t>(rest.count()));
}

std::chrono::nanoseconds FromProto(const google::protobuf::Duration& from) {
  return std::chrono::seconds(from.seconds()) + std::chrono::nanoseconds(from.nanos());
}

std::chrono::system_clock::time_point FromProto(const google::protobuf::Timestamp& from) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::seconds(from.seconds()) + std::chrono::nanoseconds(from.nanos())));
}

absl::Status ReadTime(const char* field, const google::protobuf::Duration& from,
                      std::chrono::nanoseconds min, std::chrono::nanoseconds max,
                      std::chrono::nanoseconds& to) {
  constexpr std::int32_t kNanosMax = 999'999'999;
  const bool same_sign =
      from.seconds() == 0 || from.nanos() == 0 || (from.seconds() < 0) == (from.nanos() < 0);
  if (from.nanos() < -kNanosMax || from.nanos() > kNanosMax || !same_sign) {
    return InvalidField(field, "is not a well-formed duration");
  }
  if (from.seconds() < 0 || from.nanos() < 0) return InvalidField(field, "must not be negative");
  // Compared as absl::Duration, which holds every value of the message.
  const absl::Duration value = absl::Seconds(from.seconds()) + absl::Nanoseconds(from.nanos());
  if (value < absl::FromChrono(min) || value > absl::FromChrono(max)) {
    return InvalidField(field, "must be from ", absl::FormatDuration(absl::FromChrono(min)), " to ",
                        absl::FormatDuration(absl::FromChrono(max)));
  }
  to = absl::ToChronoNanoseconds(value);
  return absl::OkStatus();
}

}  // namespace echogw::server
