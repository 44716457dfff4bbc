// Enums of the API as text.
#pragma once

#include <google/protobuf/generated_enum_reflection.h>

#include <string>
#include <string_view>

namespace echogw::ctl {

// "not_ready" and "NOT_READY" as "not ready".
std::string WordsOf(std::string_view name);

// GATEWAY_STATE_NOT_READY is "not ready"; empty for a value that this program does not know.
std::string EnumText(const google::protobuf::EnumDescriptor& type, int value);

template <typename Enum>
std::string EnumText(Enum value) {
  return EnumText(*google::protobuf::GetEnumDescriptor<Enum>(), value);
}

// The number of the value with this text; 0, which is UNSPECIFIED, for any other text.
int EnumNumber(const google::protobuf::EnumDescriptor& type, std::string_view text);

template <typename Enum>
Enum EnumOf(std::string_view text) {
  return static_cast<Enum>(EnumNumber(*google::protobuf::GetEnumDescriptor<Enum>(), text));
}

}  // namespace echogw::ctl
