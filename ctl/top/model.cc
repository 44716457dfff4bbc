#include "ctl/top/model.h"

#include <algorithm>

namespace echogw::ctl::top {
namespace {

using admin::v1::Counters;
using admin::v1::GetStatsResponse;
using admin::v1::Reactor;

ReactorRow RowOf(const Reactor& reactor) {
  ReactorRow row;
  row.id = reactor.id();
  row.cpu = reactor.cpu();
  row.state = reactor.state();
  row.connections = reactor.counters().connections_active();
  row.weight = reactor.steering_weight();
  row.listeners = TotalsOf(reactor);
  return row;
}

}  // namespace

void TopModel::Add(const GetStatsResponse& snapshot) {
  if (latest_ && Seconds(snapshot.uptime()) < Seconds(latest_->uptime())) {
    // A new process.
    latest_.reset();
    for (History& history : histories_) history.Clear();
  }
  const double seconds = latest_ ? Seconds(snapshot.uptime()) - Seconds(latest_->uptime()) : 0;
  rates_.reset();
  cpu_.reset();
  std::map<std::uint32_t, const Counters*> before;
  if (seconds > 0) {
    rates_ = RatesBetween(latest_->total(), snapshot.total(), seconds);
    cpu_ = Grown(latest_->process_cpu_nanoseconds(), snapshot.process_cpu_nanoseconds()) /
           (seconds * 1e9);
    for (const Reactor& reactor : latest_->reactors()) before[reactor.id()] = &reactor.counters();
  }
  rows_.clear();
  for (const Reactor& reactor : snapshot.reactors()) {
    ReactorRow row = RowOf(reactor);
    if (seconds > 0) {
      // A slot that is used for the first time counts from 0.
      const auto at = before.find(row.id);
      row.rates =
          RatesBetween(at == before.end() ? Counters() : *at->second, reactor.counters(), seconds);
    }
    rows_.push_back(row);
  }
  std::sort(rows_.begin(), rows_.end(),
            [](const ReactorRow& a, const ReactorRow& b) { return a.id < b.id; });
  latest_ = snapshot;
  AddHistory(Figure::kConnections, static_cast<double>(snapshot.total().connections_active()));
  if (!rates_) return;
  AddHistory(Figure::kAccepts, rates_->accepts);
  AddHistory(Figure::kMessages, rates_->messages);
  AddHistory(Figure::kReceived, rates_->received_bytes);
  AddHistory(Figure::kSent, rates_->sent_bytes);
  AddHistory(Figure::kCpu, *cpu_);
}

std::uint64_t TopModel::drops() const {
  std::uint64_t drops = 0;
  for (const ReactorRow& row : rows_) drops += row.listeners.drops;
  return drops;
}

std::uint32_t TopModel::serving() const {
  return static_cast<std::uint32_t>(
      std::count_if(rows_.begin(), rows_.end(), [](const ReactorRow& row) {
        return row.state == admin::v1::REACTOR_STATE_SERVING ||
               row.state == admin::v1::REACTOR_STATE_STARTING;
      }));
}

const ReactorRow* TopModel::Find(std::uint32_t id) const {
  const auto at = std::find_if(rows_.begin(), rows_.end(),
                               [id](const ReactorRow& row) { return row.id == id; });
  return at == rows_.end() ? nullptr : &*at;
}

}  // namespace echogw::ctl::top
