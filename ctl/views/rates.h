// Rates between two readings of a reactor's counters. Pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

// Per second.
struct Rates {
  double accepts = 0;
  double messages = 0;
  double received_bytes = 0;
  double sent_bytes = 0;
  // Ready events for each return of the poller's wait; none when it never returned.
  std::optional<double> events_per_wakeup;
  // Share of the time that the loop handled events, 0 to 1; none when no time was counted.
  std::optional<double> busy;
};

// 0 when the counter began again.
double Grown(std::uint64_t before, std::uint64_t now);

double Seconds(const google::protobuf::Duration& duration);

Rates RatesBetween(const admin::v1::Counters& before, const admin::v1::Counters& now,
                   double seconds);

// Sums over the listeners of a reactor.
struct ListenerTotals {
  std::uint64_t queue = 0;
  std::uint64_t queue_limit = 0;
  std::uint64_t drops = 0;
};

ListenerTotals TotalsOf(const admin::v1::Reactor& reactor);

}  // namespace echogw::ctl
