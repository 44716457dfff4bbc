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

Document Single(const Message& message, const FieldDescriptor& field) {
  const Reflection& r = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return r.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return std::int64_t{r.GetInt64(message, &field)};
    case FieldDescriptor::CPPTYPE_UINT32:
      return r.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::uint64_t{r.GetUInt64(message, &field)};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return r.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return double{r.GetFloat(message, &field)};
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return FromEnum(field, r.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return r.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FromMessage(r.GetMessage(message, &field));
  }
  return {};
}

Document Repeated(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return r.GetRepeatedInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return std::int64_t{r.GetRepeatedInt64(message, &field, index)};
    case FieldDescriptor::CPPTYPE_UINT32:
      return r.GetRepeatedUInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::uint64_t{r.GetRepeatedUInt64(message, &field, index)};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return r.GetRepeatedDouble(message, &field, index);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return double{r.GetRepeatedFloat(message, &field, index)};
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.GetRepeatedBool(message, &field, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return FromEnum(field, r.GetRepeatedEnumValue(message, &field, index));
    case FieldDescriptor::CPPTYPE_STRING:
      return r.GetRepeatedString(message, &field, index);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FromMessage(r.GetRepeatedMessage(message, &field, index));
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
        Single(entry, *field.message_type()->map_value());
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
      for (int i = 0; i < size; ++i) array.Append(Repeated(message, *field, i));
      object.Set(field->name(), std::move(array));
    } else {
      object.Set(field->name(), IsNull(message, *field) ? Document() : Single(message, *field));
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

std::string TimeText(const google::protobuf::Timestamp& time) {
  const absl::Time at = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone());
}

}  // namespace echogw::ctl
