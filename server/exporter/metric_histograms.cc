#include "server/exporter/metric_histograms.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_type.h>

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

using prometheus::ClientMetric;

// Reactors keep one bucket per bit; the exporter shows a useful choice of them. A bucket holds
// values up to (2^bits - 1) * unit.
struct View {
  const char* name;
  const char* help;
  double unit;
  std::initializer_list<std::size_t> bits;
};

template <std::size_t N>
ClientMetric::Histogram Convert(const HistogramSnapshot<N>& from, const View& view) {
  ClientMetric::Histogram to;
  std::uint64_t below = 0;
  std::size_t next = 0;
  for (const std::size_t bits : view.bits) {
    for (; next <= bits && next < N - 1; ++next) below += from.buckets[next];
    to.bucket.push_back(
        {below, static_cast<double>(HistogramSnapshot<N>::UpperBound(bits)) * view.unit});
  }
  to.sample_count = from.count();
  to.sample_sum = static_cast<double>(from.sum) * view.unit;
  to.bucket.push_back({to.sample_count, std::numeric_limits<double>::infinity()});
  return to;
}

template <std::size_t N>
void Add(const GatewayStats& stats, const View& view,
         HistogramSnapshot<N> CounterSnapshot::*histogram,
         std::vector<prometheus::MetricFamily>& to) {
  prometheus::MetricFamily family{.name = view.name,
                                  .help = view.help,
                                  .type = prometheus::MetricType::Histogram,
                                  .metric = {}};
  for (const ReactorStats& reactor : stats.reactors) {
    ClientMetric metric;
    metric.label = {{"reactor", absl::StrCat(reactor.id)}};
    metric.histogram = Convert(reactor.counters.*histogram, view);
    family.metric.push_back(std::move(metric));
  }
  to.push_back(std::move(family));
}

constexpr double kNanosecond = 1e-9;
constexpr double kMillisecond = 1e-3;

}  // namespace

void AddHistograms(const GatewayStats& stats, std::vector<prometheus::MetricFamily>& to) {
  Add(stats,
      {"echogw_loop_turn_duration_seconds",
       "Time to handle the events of one turn of the event loop.",
       kNanosecond,
       {10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30}},
      &CounterSnapshot::turn_ns, to);
  Add(stats,
      {"echogw_echo_delay_seconds",
       "Time from wake-up to the written echo; one event per turn is timed.",
       kNanosecond,
       {10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30}},
      &CounterSnapshot::echo_ns, to);
  Add(stats,
      {"echogw_wakeup_events", "Ready events per wake-up.", 1, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
      &CounterSnapshot::wakeup_events, to);
  Add(stats,
      {"echogw_accept_batch_connections",
       "Connections accepted from a listener in one turn.",
       1,
       {0, 1, 2, 3, 4, 5, 6, 7}},
      &CounterSnapshot::accept_batch, to);
  Add(stats,
      {"echogw_read_size_bytes",
       "Payload bytes per read.",
       1,
       {1, 4, 6, 7, 8, 10, 12, 14, 15, 16, 17}},
      &CounterSnapshot::read_bytes, to);
  Add(stats,
      {"echogw_connection_lifetime_seconds",
       "Lifetime of closed connections, with a resolution of 10 ms.",
       kMillisecond,
       {4, 7, 10, 12, 14, 16, 18, 20, 22, 25, 28}},
      &CounterSnapshot::lifetime_ms, to);
}

}  // namespace echogw::server
