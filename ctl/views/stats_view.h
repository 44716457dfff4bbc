// What `stats` shows in a table. Pure functions over snapshots.
#pragma once

#include <string>

#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

// Header block and one row per reactor: totals since the gateway started.
std::string RenderStats(const admin::v1::GetStatsResponse& stats, const std::string& target,
                        bool colour);

// As above, with rates over the time from `before` to `now` in place of totals. For the first
// frame `before` is null and the rates are averages since the start.
std::string RenderStatsRates(const admin::v1::GetStatsResponse* before,
                             const admin::v1::GetStatsResponse& now, const std::string& target,
                             bool colour);

}  // namespace echogw::ctl
