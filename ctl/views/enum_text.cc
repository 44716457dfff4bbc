#include "ctl/views/enum_text.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace echogw::ctl {
namespace {

// "GATEWAY_STATE_" of GatewayState: what its values begin with.
std::string PrefixOf(const google::protobuf::EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  return prefix + '_';
}

}  // namespace

std::string WordsOf(std::string_view name) {
  std::string text(name);
  absl::AsciiStrToLower(&text);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string EnumText(const google::protobuf::EnumDescriptor& type, int value) {
  const auto* known = type.FindValueByNumber(value);
  if (known == nullptr) return "";
  return WordsOf(std::string(absl::StripPrefix(known->name(), PrefixOf(type))));
}

int EnumNumber(const google::protobuf::EnumDescriptor& type, std::string_view text) {
  for (int i = 0; i < type.value_count(); ++i) {
    const int number = type.value(i)->number();
    if (EnumText(type, number) == text) return number;
  }
  return 0;
}

}  // namespace echogw::ctl
