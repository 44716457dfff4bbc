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

constexpr double kNanosecond = 1e-9;
constexpr double kMillisecond = 1e-3;
constexpr std::initializer_list<std::size_t> kDurations = {10, 12, 14, 16, 18, 20,
                                                           22, 24, 26, 28, 30};

}  // namespace

void AddHistograms(const GatewayStats& stats, std::vector<prometheus::MetricFamily>& to) {
  const auto add = [&](auto member, const View& view) {
    prometheus::MetricFamily family{.name = view.name,
                                    .help = view.help,
                                    .type = prometheus::MetricType::Histogram,
                                    .metric = {}};
    for (const ReactorStats& reactor : stats.reactors) {
      ClientMetric& metric = family.metric.emplace_back();
      metric.label = {{"reactor", absl::StrCat(reactor.id)}};
      metric.histogram = Convert(reactor.counters.*member, view);
    }
    to.push_back(std::move(family));
  };
  add(&CounterSnapshot::turn_ns,
      {"echogw_loop_turn_duration_seconds",
       "Time to handle the events of one turn of the event loop.", kNanosecond, kDurations});
  add(&CounterSnapshot::echo_ns,
      {"echogw_echo_delay_seconds",
       "Time from wake-up to the written echo; one event per turn is timed.", kNanosecond,
       kDurations});
  add(&CounterSnapshot::wakeup_events,
      {"echogw_wakeup_events", "Ready events per wake-up.", 1, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}});
  add(&CounterSnapshot::accept_batch, {"echogw_accept_batch_connections",
                                       "Connections accepted from a listener in one turn.",
                                       1,
                                       {0, 1, 2, 3, 4, 5, 6, 7}});
  add(&CounterSnapshot::read_bytes, {"echogw_read_size_bytes",
                                     "Payload bytes per read.",
                                     1,
                                     {1, 4, 6, 7, 8, 10, 12, 14, 15, 16, 17}});
  add(&CounterSnapshot::lifetime_ms, {"echogw_connection_lifetime_seconds",
                                      "Lifetime of closed connections, with a resolution of 10 ms.",
                                      kMillisecond,
                                      {4, 7, 10, 12, 14, 16, 18, 20, 22, 25, 28}});
}

}  // namespace echogw::server
