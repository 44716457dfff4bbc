// A certificate that signs itself, and its key, made when asked for.
#pragma once

#include <string>

namespace echogw {

struct TlsIdentity {
  std::string certificate;  // PEM
  std::string key;
};

// For `name`, as CN and as DNS name, valid for an hour.
[[nodiscard]] TlsIdentity MakeTlsIdentity(const std::string& name);

}  // namespace echogw
