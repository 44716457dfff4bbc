// From protobuf messages to documents, and the proto's durations to ours. Pure functions.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <string>

#include "ctl/base/duration.h"
#include "ctl/output/document.h"

namespace echogw::ctl {

// As protobuf's JSON mapping with the proto's field names, but every field is present, in the
// order of its number, and every integer is a number. Not set: null for an `optional` field, a
// timestamp and a duration; the default for anything else.
Document ToDocument(const google::protobuf::Message& message);

// As a duration in a message.
Document ToDocument(Duration duration);

Duration FromProto(const google::protobuf::Duration& duration);
void ToProto(Duration duration, google::protobuf::Duration* out);

// The sum of a message whose fields are all counts, including fields added to the API later.
[[nodiscard]] std::uint64_t FieldSum(const google::protobuf::Message& message);

// "2024-02-29T12:34:56.789Z": of fixed length, so that rows of a stream align.
std::string TimeText(const google::protobuf::Timestamp& time);

}  // namespace echogw::ctl
