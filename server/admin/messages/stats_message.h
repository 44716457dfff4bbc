// The snapshot that the admin API and the status page give out. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "echogw/admin/v1/admin.pb.h"
#include "server/pool/control.h"

namespace echogw::server {

// Takes a snapshot. Uptime is counted from `started`, whatever becomes of the wall clock.
void FillStats(const Control& control, std::chrono::steady_clock::time_point started,
               std::uint64_t log_lines_dropped, admin::v1::GetStatsResponse& to);

}  // namespace echogw::server
