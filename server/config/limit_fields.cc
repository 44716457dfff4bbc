#include "server/config/limit_fields.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "server/admin/messages/field_messages.h"
#include "server/admin/messages/stats_messages.h"

namespace echogw::server {
namespace {

using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;

constexpr std::uint64_t Number(Nanos time) { return static_cast<std::uint64_t>(time); }

LimitField NumberField(const char* name, std::uint64_t Limits::*number, std::uint64_t min,
                       std::uint64_t max, bool optional = true) {
  return {name, number, nullptr, min, max, optional};
}

LimitField TimeField(const char* name, Nanos Limits::*time) {
  return {name, nullptr, time, Number(kTimeLimitMin), Number(kTimeLimitMax)};
}

const FieldDescriptor& FieldOf(const pb::Limits& message, const LimitField& field) {
  return *message.GetDescriptor()->FindFieldByName(field.name);
}

std::uint64_t ValueOf(const Limits& limits, const LimitField& field) {
  return field.number != nullptr ? limits.*field.number : Number(limits.*field.time);
}

std::string Text(const Limits& limits, const LimitField& field) {
  if (field.number != nullptr) return absl::StrCat(limits.*field.number);
  return absl::FormatDuration(absl::Nanoseconds(limits.*field.time));
}

const char* Text(AcceptExcess excess) { return excess == AcceptExcess::kReset ? "reset" : "wait"; }

absl::Status ReadNumber(const LimitField& field, std::uint64_t value, Limits& to) {
  if ((value == 0 && !field.optional) || (value != 0 && value < field.min) || value > field.max) {
    return absl::InvalidArgumentError(absl::StrCat(field.name, ": ", value, " is not ",
                                                   field.optional ? "0 or " : "", "a number from ",
                                                   field.min, " to ", field.max));
  }
  to.*field.number = value;
  return absl::OkStatus();
}

absl::Status ReadLimitTime(const LimitField& field, const Duration& value, Limits& to) {
  std::chrono::nanoseconds time{};
  if (value.seconds() != 0 || value.nanos() != 0) {
    const auto nanos = [](std::uint64_t n) {
      return std::chrono::nanoseconds(static_cast<Nanos>(n));
    };
    const absl::Status status =
        ReadTime(field.name, value, nanos(field.min), nanos(field.max), time);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(status.message(), ", or 0 for none"));
    }
  }
  to.*field.time = time.count();
  return absl::OkStatus();
}

}  // namespace

const std::vector<LimitField>& LimitFields() {
  static const std::vector<LimitField> fields = {
      NumberField("max_connections", &Limits::max_connections, 1, kReactorConnectionsMax, false),
      NumberField("max_connections_total", &Limits::max_connections_total, 1, kTotalConnectionsMax),
      NumberField("max_connections_per_client", &Limits::max_connections_per_client, 1,
                  kTotalConnectionsMax),
      NumberField("accept_rate", &Limits::accept_rate, 1, kAcceptRateMax),
      NumberField("accept_burst", &Limits::accept_burst, 1, kAcceptRateMax),
      NumberField("rate_bytes_per_second", &Limits::rate, 1, kRateMax),
      TimeField("idle_timeout", &Limits::idle_timeout),
      TimeField("max_age", &Limits::max_age),
      TimeField("first_byte_timeout", &Limits::first_byte_timeout),
      NumberField("output_buffer_bytes", &Limits::output_buffer, kOutputBufferMin,
                  kOutputBufferMax),
  };
  return fields;
}

void ToProto(const Limits& from, pb::Limits& to) {
  const google::protobuf::Reflection& reflection = *to.GetReflection();
  for (const LimitField& field : LimitFields()) {
    const FieldDescriptor& of = FieldOf(to, field);
    if (field.number != nullptr) {
      reflection.SetUInt64(&to, &of, from.*field.number);
    } else {
      Duration time;
      ToProto(std::chrono::nanoseconds(from.*field.time), time);
      reflection.MutableMessage(&to, &of)->CopyFrom(time);
    }
  }
  to.set_accept_excess(from.accept_excess == AcceptExcess::kReset ? pb::ACCEPT_EXCESS_RESET
                                                                  : pb::ACCEPT_EXCESS_WAIT);
}

absl::StatusOr<LimitsChange> FromProto(const pb::Limits& from) {
  LimitsChange to;
  const google::protobuf::Reflection& reflection = *from.GetReflection();
  for (const LimitField& field : LimitFields()) {
    const FieldDescriptor& of = FieldOf(from, field);
    if (!reflection.HasField(from, &of)) continue;
    Duration time;
    if (field.time != nullptr) time.CopyFrom(reflection.GetMessage(from, &of));
    const absl::Status status = field.number != nullptr
                                    ? ReadNumber(field, reflection.GetUInt64(from, &of), to.values)
                                    : ReadLimitTime(field, time, to.values);
    if (!status.ok()) return status;
    if (field.number != nullptr) {
      to.numbers.push_back(field.number);
    } else {
      to.times.push_back(field.time);
    }
  }
  if (from.accept_excess() == pb::ACCEPT_EXCESS_WAIT) to.accept_excess = AcceptExcess::kWait;
  if (from.accept_excess() == pb::ACCEPT_EXCESS_RESET) to.accept_excess = AcceptExcess::kReset;
  if (from.accept_excess() != pb::ACCEPT_EXCESS_UNSPECIFIED && !to.accept_excess) {
    return absl::InvalidArgumentError(
        absl::StrCat("accept_excess: ", static_cast<int>(from.accept_excess()),
                     " is not a value that this gateway knows"));
  }
  return to;
}

std::string Difference(const Limits& before, const Limits& after) {
  std::vector<std::string> changes;
  for (const LimitField& field : LimitFields()) {
    if (ValueOf(before, field) == ValueOf(after, field)) continue;
    changes.push_back(
        absl::StrCat(field.name, " ", Text(before, field), " -> ", Text(after, field)));
  }
  if (before.accept_excess != after.accept_excess) {
    changes.push_back(absl::StrCat("accept_excess ", Text(before.accept_excess), " -> ",
                                   Text(after.accept_excess)));
  }
  return changes.empty() ? "no limit changed" : absl::StrJoin(changes, ", ");
}

std::vector<LimitValue> LimitValues(const Limits& limits) {
  std::vector<LimitValue> out;
  for (const LimitField& field : LimitFields()) {
    const auto value = static_cast<double>(ValueOf(limits, field));
    if (field.number != nullptr) {
      out.push_back({field.name, value});
    } else {
      out.push_back({absl::StrCat(field.name, "_seconds"), value / 1e9});
    }
  }
  return out;
}

}  // namespace echogw::server
