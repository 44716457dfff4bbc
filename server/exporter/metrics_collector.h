// The metrics: snapshots of the gateway, taken when Prometheus scrapes. The metrics server owns it;
// its threads call Text, several at a time.
#pragma once

#include <string>
#include <vector>

#include "server/access/credential_stats.h"
#include "server/admin/admin_call_counts.h"
#include "server/base/build_info.h"
#include "server/log/log_control.h"
#include "server/pool/control.h"

namespace echogw::server {

class MetricsCollector {
 public:
  // What is referred to outlives this.
  MetricsCollector(const Control& control, const LogControl& log, const AdminCallCounts& calls,
                   BuildInfo build, std::vector<const CredentialStats*> credentials = {});

  // All metrics in the text format 0.0.4. Never throws: without memory the scrape is empty.
  [[nodiscard]] std::string Text() const;

 private:
  const Control& control_;
  const LogControl& log_;
  const AdminCallCounts& calls_;
  const BuildInfo build_;
  const std::vector<const CredentialStats*> credentials_;
};

}  // namespace echogw::server
