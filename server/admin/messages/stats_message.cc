#include "server/admin/messages/stats_message.h"

#include "server/admin/messages/convert.h"
#include "server/exporter/process_stats.h"

namespace echogw::server {

void FillStats(const Control& control, std::chrono::steady_clock::time_point started,
               std::uint64_t log_lines_dropped, admin::v1::GetStatsResponse& to) {
  ToProto(control.Stats(), to);
  ToProto(std::chrono::system_clock::now(), *to.mutable_time());
  ToProto(std::chrono::steady_clock::now() - started, *to.mutable_uptime());
  to.set_log_lines_dropped(log_lines_dropped);
  const ProcessUsage usage = ReadProcessUsage();
  to.set_process_cpu_nanoseconds(usage.cpu_nanoseconds);
  to.set_process_resident_bytes(usage.resident_bytes);
}

}  // namespace echogw::server
