#include "reactor/services/service.h"

#include "absl/strings/str_cat.h"

namespace echogw {

const char* ServiceModeName(ServiceMode mode) {
  switch (mode) {
    case ServiceMode::kEcho:
      return "echo";
    case ServiceMode::kDiscard:
      return "discard";
    case ServiceMode::kChargen:
      return "chargen";
    case ServiceMode::kBanner:
      return "banner";
  }
  return "?";
}

std::string Service::ToString() const {
  std::string out;
  const auto add = [&out](const char* word) {
    absl::StrAppend(&out, out.empty() ? "" : "+", word);
  };
  if (proxy == ProxyUse::kRequired) add("proxy");
  if (proxy == ProxyUse::kOptional) add("proxy-optional");
  if (tls) add("tls");
  if (mode != ServiceMode::kEcho) add(ServiceModeName(mode));
  return out;
}

}  // namespace echogw
