#include "reactor/stats/counters.h"

#include <algorithm>
#include <numeric>

namespace echogw {

CounterSnapshot& CounterSnapshot::operator+=(const CounterSnapshot& other) {
  ECHOGW_COUNTERS(ECHOGW_ADD, ECHOGW_ADD_EACH, ECHOGW_ADD_HISTOGRAM)
  udp += other.udp;
  return *this;
}

std::uint64_t CounterSnapshot::closed_total() const {
  return std::accumulate(connections_closed.begin(), connections_closed.end(), std::uint64_t{0});
}

std::uint64_t CounterSnapshot::rejected_total() const {
  return std::accumulate(connections_rejected.begin(), connections_rejected.end(),
                         std::uint64_t{0});
}

CounterSnapshot Counters::Read() const noexcept {
  CounterSnapshot out;
  ECHOGW_COUNTERS(ECHOGW_READ, ECHOGW_READ, ECHOGW_READ)
  out.udp = udp.Read();
  return out;
}

CounterSnapshot Counters::ReadAt(Nanos now) const noexcept {
  CounterSnapshot out = Read();
  if (const auto current = activity.Read()) {
    const auto passed = static_cast<std::uint64_t>(std::max<Nanos>(now - current->since, 0));
    (current->waits ? out.loop_wait_ns : out.loop_busy_ns) += passed;
  }
  return out;
}

std::span<const NumberRow<CounterSnapshot>> CounterNumbers() {
  using Values = CounterSnapshot;
  static constexpr NumberRow<Values> kRows[] = {
      ECHOGW_COUNTERS(ECHOGW_NUMBER_ROW, ECHOGW_NO_ROW, ECHOGW_NO_ROW)};
  return kRows;
}

std::span<const CountsRow<CounterSnapshot>> CounterCounts() {
  using Values = CounterSnapshot;
  static constexpr CountsRow<Values> kRows[] = {
      ECHOGW_COUNTERS(ECHOGW_NO_ROW, ECHOGW_COUNTS_ROW, ECHOGW_NO_ROW)};
  return kRows;
}

std::span<const NumberRow<UdpSnapshot>> UdpNumbers() {
  using Values = UdpSnapshot;
  static constexpr NumberRow<Values> kRows[] = {
      ECHOGW_UDP_COUNTERS(ECHOGW_NUMBER_ROW, ECHOGW_NO_ROW)};
  return kRows;
}

std::span<const CountsRow<UdpSnapshot>> UdpCounts() {
  using Values = UdpSnapshot;
  static constexpr CountsRow<Values> kRows[] = {
      ECHOGW_UDP_COUNTERS(ECHOGW_NO_ROW, ECHOGW_COUNTS_ROW)};
  return kRows;
}

}  // namespace echogw
