#include "server/admin/messages/limits_messages.h"

#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/admin/messages/field_messages.h"
#include "server/config/config_values.h"

namespace echogw::server {
namespace pb = admin::v1;

namespace {

using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;
using std::chrono::nanoseconds;
using Unit = LimitField::Unit;

// In the message 0 stands for a value that is not set.
constexpr int kFirstExcess = pb::ACCEPT_EXCESS_WAIT;

const FieldDescriptor* FieldOf(const pb::Limits& message, const LimitField& field) {
  return message.GetDescriptor()->FindFieldByName(field.name);
}

nanoseconds Time(std::uint64_t value) { return nanoseconds(static_cast<Nanos>(value)); }

absl::StatusOr<std::uint64_t> CheckNumber(const LimitField& field, std::uint64_t value) {
  if (value == 0 ? field.optional : value >= field.min && value <= field.max) return value;
  return absl::InvalidArgumentError(absl::StrCat(field.name, ": ", value, " is not ",
                                                 field.optional ? "0 or " : "", "a number from ",
                                                 field.min, " to ", field.max));
}

absl::StatusOr<std::uint64_t> CheckTime(const LimitField& field, const Duration& value) {
  if (value.seconds() == 0 && value.nanos() == 0) return 0;
  nanoseconds time{};
  const absl::Status status = ReadTime(field.name, value, Time(field.min), Time(field.max), time);
  if (status.ok()) return static_cast<std::uint64_t>(time.count());
  return absl::InvalidArgumentError(absl::StrCat(status.message(), ", or 0 for none"));
}

absl::StatusOr<std::uint64_t> CheckExcess(const LimitField& field, int value) {
  const auto excess = static_cast<std::uint64_t>(value - kFirstExcess);
  if (excess <= field.max) return excess;
  return absl::InvalidArgumentError(
      absl::StrCat(field.name, ": ", value, " is not a value that this gateway knows"));
}

absl::StatusOr<std::uint64_t> Read(const pb::Limits& from, const LimitField& field) {
  const Reflection& reflection = *from.GetReflection();
  const FieldDescriptor* of = FieldOf(from, field);
  if (field.unit == Unit::kAcceptExcess) {
    return CheckExcess(field, reflection.GetEnumValue(from, of));
  }
  if (field.unit != Unit::kNanoseconds) {
    return CheckNumber(field, reflection.GetUInt64(from, of));
  }
  Duration time;
  time.CopyFrom(reflection.GetMessage(from, of));
  return CheckTime(field, time);
}

}  // namespace

void ToProto(const Limits& from, pb::Limits& to) {
  const Reflection& reflection = *to.GetReflection();
  for (const LimitField& field : LimitFields()) {
    const FieldDescriptor* of = FieldOf(to, field);
    const std::uint64_t value = field.get(from);
    if (field.unit == Unit::kAcceptExcess) {
      reflection.SetEnumValue(&to, of, static_cast<int>(value) + kFirstExcess);
    } else if (field.unit == Unit::kNanoseconds) {
      Duration time;
      ToProto(Time(value), time);
      reflection.MutableMessage(&to, of)->CopyFrom(time);
    } else {
      reflection.SetUInt64(&to, of, value);
    }
  }
}

absl::StatusOr<LimitsChange> FromProto(const pb::Limits& from) {
  LimitsChange to;
  for (const LimitField& field : LimitFields()) {
    if (!from.GetReflection()->HasField(from, FieldOf(from, field))) continue;
    const auto value = Read(from, field);
    if (!value.ok()) return value.status();
    to.values.emplace_back(&field, *value);
  }
  return to;
}

std::string Difference(const Limits& before, const Limits& after) {
  std::vector<std::string> changes;
  for (const LimitField& field : LimitFields()) {
    if (field.get(before) == field.get(after)) continue;
    changes.push_back(
        absl::StrCat(field.name, " ", LimitText(field, before), " -> ", LimitText(field, after)));
  }
  return changes.empty() ? "no limit changed" : absl::StrJoin(changes, ", ");
}

}  // namespace echogw::server
