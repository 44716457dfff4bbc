// The metrics: snapshots of the gateway, read when Prometheus scrapes. No reactor touches a type of
// Prometheus. The metrics server owns it; its threads call Collect, several at a time.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "server/access/admin_access.h"
#include "server/admin/admin_calls.h"
#include "server/base/build_info.h"
#include "server/pool/control.h"

namespace echogw::server {

struct LogCounts {
  std::uint64_t lines_dropped = 0;
  std::uint64_t write_errors = 0;
};

class MetricsCollector final : public prometheus::Collectable {
 public:
  // `control` outlives this.
  MetricsCollector(
      const Control& control, BuildInfo build, std::function<LogCounts()> log_counts,
      std::function<RefusalCounts()> refused = [] { return RefusalCounts{}; },
      std::function<std::vector<AdminCallCount>()> admin_calls =
          [] { return std::vector<AdminCallCount>(); });

  // Never throws: prometheus-cpp would end the process. If memory runs out, the scrape is empty.
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Control& control_;
  const BuildInfo build_;
  const std::function<LogCounts()> log_counts_;
  const std::function<RefusalCounts()> refused_;
  const std::function<std::vector<AdminCallCount>()> admin_calls_;
};

}  // namespace echogw::server
