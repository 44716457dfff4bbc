// Files of credentials, as the exporter reads about them. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echogw::server {

struct CredentialFiles {
  std::string name;                        // "admin-certificate", "metrics-tokens"
  std::uint64_t failures = 0;              // loads that failed since the start
  std::optional<std::int64_t> expiration;  // of a certificate, in seconds since the epoch
};

class CredentialStats {
 public:
  CredentialStats() = default;
  CredentialStats(const CredentialStats&) = delete;
  CredentialStats& operator=(const CredentialStats&) = delete;
  virtual ~CredentialStats() = default;

  [[nodiscard]] virtual std::vector<CredentialFiles> files() const = 0;
};

}  // namespace echogw::server
