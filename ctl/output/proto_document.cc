#include "ctl/output/proto_document.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace echogw::ctl {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::TimeUtil;

bool IsTime(const google::protobuf::Descriptor& type) {
  return &type == google::protobuf::Timestamp::descriptor() ||
         &type == google::protobuf::Duration::descriptor();
}

Document FromMessage(const Message& message) {
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    return TimeUtil::ToString(*time);
  }
  if (const auto* span = dynamic_cast<const google::protobuf::Duration*>(&message)) {
    return TimeUtil::ToString(*span);
  }
  return ToDocument(message);
}

// An enum's value that this program does not know keeps its number.
Document FromEnum(const FieldDescriptor& field, int number) {
  const EnumValueDescriptor* value = field.enum_type()->FindValueByNumber(number);
  return value == nullptr ? Document(number) : Document(value->name());
}

// The value of `field`, or of its element `index` if it is repeated.
Document Value(const Message& message, const FieldDescriptor& field, int index = 0) {
  const Reflection& r = *message.GetReflection();
  const auto get = [&](auto single, auto repeated) {
    return field.is_repeated() ? (r.*repeated)(message, &field, index)
                               : (r.*single)(message, &field);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return std::int64_t{get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64)};
    case FieldDescriptor::CPPTYPE_UINT32:
      return get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::uint64_t{get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64)};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return double{get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat)};
    case FieldDescriptor::CPPTYPE_BOOL:
      return get(&Reflection::GetBool, &Reflection::GetRepeatedBool);
    case FieldDescriptor::CPPTYPE_ENUM:
      return FromEnum(field, get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue));
    case FieldDescriptor::CPPTYPE_STRING:
      return get(&Reflection::GetString, &Reflection::GetRepeatedString);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FromMessage(field.is_repeated() ? r.GetRepeatedMessage(message, &field, index)
                                             : r.GetMessage(message, &field));
  }
  return {};
}

// A map with text keys becomes an object, sorted: the wire has no order.
Document Map(const Message& message, const FieldDescriptor& field) {
  const Reflection& r = *message.GetReflection();
  std::map<std::string, Document> sorted;
  for (int i = 0; i < r.FieldSize(message, &field); ++i) {
    const Message& entry = r.GetRepeatedMessage(message, &field, i);
    const FieldDescriptor& key = *field.message_type()->map_key();
    sorted[entry.GetReflection()->GetString(entry, &key)] =
        Value(entry, *field.message_type()->map_value());
  }
  Document object = Document::Object();
  for (auto& [key, value] : sorted) object.Set(key, std::move(value));
  return object;
}

bool IsNull(const Message& message, const FieldDescriptor& field) {
  if (!field.has_presence() || message.GetReflection()->HasField(message, &field)) return false;
  return field.has_optional_keyword() ||
         (field.message_type() != nullptr && IsTime(*field.message_type()));
}

}  // namespace

Document ToDocument(const Message& message) {
  Document object = Document::Object();
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < type.field_count(); ++i) fields.push_back(type.field(i));
  std::sort(fields.begin(), fields.end(),
            [](const auto* a, const auto* b) { return a->number() < b->number(); });
  for (const FieldDescriptor* field : fields) {
    if (field->is_map()) {
      object.Set(field->name(), Map(message, *field));
    } else if (field->is_repeated()) {
      Document array = Document::Array();
      const int size = message.GetReflection()->FieldSize(message, field);
      for (int i = 0; i < size; ++i) array.Append(Value(message, *field, i));
      object.Set(field->name(), std::move(array));
    } else {
      object.Set(field->name(), IsNull(message, *field) ? Document() : Value(message, *field));
    }
  }
  return object;
}

Document ToDocument(Duration duration) {
  return TimeUtil::ToString(TimeUtil::NanosecondsToDuration(duration.count()));
}

Duration FromProto(const google::protobuf::Duration& duration) {
  return Duration(TimeUtil::DurationToNanoseconds(duration));
}

void ToProto(Duration duration, google::protobuf::Duration* out) {
  *out = TimeUtil::NanosecondsToDuration(duration.count());
}

std::uint64_t FieldSum(const Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  std::uint64_t sum = 0;
  for (int i = 0; i < type.field_count(); ++i) {
    sum += message.GetReflection()->GetUInt64(message, type.field(i));
  }
  return sum;
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  const absl::Time at = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone());
}

}  // namespace echogw::ctl
