// The sum of a message whose fields are all counts, including fields added to the API later.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>

namespace echogw::ctl {

[[nodiscard]] inline std::uint64_t FieldSum(const google::protobuf::Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  std::uint64_t sum = 0;
  for (int i = 0; i < type.field_count(); ++i) {
    sum += message.GetReflection()->GetUInt64(message, type.field(i));
  }
  return sum;
}

}  // namespace echogw::ctl
