// A self-signed certificate and its key, generated on demand.
#pragma once

#include <string>

namespace echogw {

struct TlsIdentity {
  std::string certificate;  // PEM
  std::string key;
};

// For `name` as CN and DNS name, valid for an hour.
[[nodiscard]] TlsIdentity MakeTlsIdentity(const std::string& name);

}  // namespace echogw
