// What `top` knows about the gateway: snapshots in; rates, histories and a row for each reactor
// out. A value without clock, thread or terminal: time is that of the snapshots.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctl/top/sparkline.h"
#include "ctl/views/rates.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl::top {

struct ReactorRow {
  std::uint32_t id = 0;
  std::int32_t cpu = -1;
  admin::v1::ReactorState state = admin::v1::REACTOR_STATE_UNSPECIFIED;
  std::uint64_t connections = 0;
  // None in the first snapshot.
  std::optional<Rates> rates;
  // Over all listeners that it accepts from; no limit without a listener.
  ListenerTotals listeners;
  std::uint32_t weight = 0;
};

// The figures that have a history.
enum class Figure : std::size_t { kConnections, kAccepts, kMessages, kReceived, kSent, kCpu };
inline constexpr std::size_t kFigures = 6;

class TopModel {
 public:
  // One of a younger process resets the model; one that is not newer gives no rates.
  void Add(const admin::v1::GetStatsResponse& snapshot);

  [[nodiscard]] bool empty() const { return !latest_.has_value(); }
  // Not when empty().
  [[nodiscard]] const admin::v1::GetStatsResponse& latest() const { return *latest_; }
  // In the order of their ids.
  [[nodiscard]] const std::vector<ReactorRow>& rows() const { return rows_; }
  // None in the first snapshot.
  [[nodiscard]] const std::optional<Rates>& rates() const { return rates_; }
  // CPU time of the process for each second, 1 being one core.
  [[nodiscard]] const std::optional<double>& cpu() const { return cpu_; }
  [[nodiscard]] const History& history(Figure figure) const {
    return histories_[static_cast<std::size_t>(figure)];
  }
  // Connections and handshakes that the kernel dropped, over all listeners.
  [[nodiscard]] std::uint64_t drops() const;
  // Reactors that serve or are about to.
  [[nodiscard]] std::uint32_t serving() const;
  // Null when there is no such reactor.
  [[nodiscard]] const ReactorRow* Find(std::uint32_t id) const;

 private:
  void AddHistory(Figure figure, double value) {
    histories_[static_cast<std::size_t>(figure)].Add(value);
  }

  std::optional<admin::v1::GetStatsResponse> latest_;
  std::vector<ReactorRow> rows_;
  std::optional<Rates> rates_;
  std::optional<double> cpu_;
  std::array<History, kFigures> histories_;
};

}  // namespace echogw::ctl::top
