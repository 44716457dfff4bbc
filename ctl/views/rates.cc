#include "ctl/views/rates.h"

#include <chrono>

#include "ctl/output/proto_document.h"

namespace echogw::ctl {

double Grown(std::uint64_t before, std::uint64_t now) {
  return now > before ? static_cast<double>(now - before) : 0;
}

double Seconds(const google::protobuf::Duration& duration) {
  return std::chrono::duration<double>(FromProto(duration)).count();
}

Rates RatesBetween(const admin::v1::Counters& before, const admin::v1::Counters& now,
                   double seconds) {
  Rates rates;
  rates.accepts = Grown(before.connections_accepted(), now.connections_accepted()) / seconds;
  rates.messages = Grown(before.reads(), now.reads()) / seconds;
  rates.received_bytes = Grown(before.received_bytes(), now.received_bytes()) / seconds;
  rates.sent_bytes = Grown(before.sent_bytes(), now.sent_bytes()) / seconds;
  const double wakeups = Grown(before.wakeups(), now.wakeups());
  if (wakeups > 0) {
    rates.events_per_wakeup = Grown(before.ready_events(), now.ready_events()) / wakeups;
  }
  const double busy = Grown(before.loop_busy_nanoseconds(), now.loop_busy_nanoseconds());
  const double all = busy + Grown(before.loop_wait_nanoseconds(), now.loop_wait_nanoseconds());
  if (all > 0) rates.busy = busy / all;
  return rates;
}

ListenerTotals TotalsOf(const admin::v1::Reactor& reactor) {
  ListenerTotals totals;
  for (const auto& listener : reactor.listeners()) {
    totals.queue += listener.accept_queue();
    totals.queue_limit += listener.accept_queue_limit();
    totals.drops += listener.drops();
  }
  return totals;
}

}  // namespace echogw::ctl
