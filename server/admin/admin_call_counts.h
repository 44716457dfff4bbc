// Admin calls counted by their result, as the exporter reads them. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/access/admin_access.h"

namespace echogw::server {

// How often a method ended with a code.
struct AdminCallCount {
  std::string method;  // "Admin/GetStats", "Health/Check", "other"
  std::string code;    // "OK", "NOT_FOUND"
  std::uint64_t count = 0;
};

class AdminCallCounts {
 public:
  AdminCallCounts() = default;
  AdminCallCounts(const AdminCallCounts&) = delete;
  AdminCallCounts& operator=(const AdminCallCounts&) = delete;
  virtual ~AdminCallCounts() = default;

  // Each method with OK, even if it was never called, and with every other code that it ended with.
  [[nodiscard]] virtual std::vector<AdminCallCount> counts() const = 0;
  // Calls that were refused before they began.
  [[nodiscard]] virtual RefusalCounts refused() const = 0;
};

}  // namespace echogw::server
