// The distributions of reactors as Prometheus histograms. Pure; any thread.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "server/pool/control.h"

namespace echogw::server {

// At most 12 buckets each, so that a reactor has fewer than a hundred series.
void AddHistograms(const GatewayStats& stats, std::vector<prometheus::MetricFamily>& to);

}  // namespace echogw::server
