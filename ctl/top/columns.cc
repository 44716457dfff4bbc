#include "ctl/top/columns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ctl/output/units.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl::top {
namespace {

// What rows are ordered by; what is not known comes before nothing at all.
double KeyOf(const ReactorRow& row, Column column) {
  constexpr double kUnknownIsLeast = -std::numeric_limits<double>::infinity();
  const auto rate = [&](double Rates::*field) {
    return row.rates ? *row.rates.*field : kUnknownIsLeast;
  };
  switch (column) {
    case Column::kId:
      return row.id;
    case Column::kCpu:
      return row.cpu;
    case Column::kState:
      return static_cast<double>(row.state);
    case Column::kLoad:
      return row.rates ? row.rates->busy.value_or(kUnknownIsLeast) : kUnknownIsLeast;
    case Column::kConnections:
      return static_cast<double>(row.connections);
    case Column::kAccepts:
      return rate(&Rates::accepts);
    case Column::kMessages:
      return rate(&Rates::messages);
    case Column::kReceived:
      return rate(&Rates::received_bytes);
    case Column::kSent:
      return rate(&Rates::sent_bytes);
    case Column::kEvents:
      return row.rates ? row.rates->events_per_wakeup.value_or(kUnknownIsLeast) : kUnknownIsLeast;
    case Column::kQueue:
      return row.listeners.queue_limit > 0 ? static_cast<double>(row.listeners.queue)
                                           : kUnknownIsLeast;
    case Column::kWeight:
      return row.weight;
  }
  return kUnknownIsLeast;
}

std::string RateText(const ReactorRow& row, double Rates::*field) {
  return row.rates ? HumanRate(*row.rates.*field) : "-";
}

std::string ByteText(const ReactorRow& row, double Rates::*field) {
  return row.rates ? CompactBytes(*row.rates.*field) : "-";
}

std::string LoadText(const ReactorRow& row) {
  if (!row.rates || !row.rates->busy) return "-";
  return absl::StrFormat("%.0f%%", 100 * *row.rates->busy);
}

std::string EventsText(const ReactorRow& row) {
  if (!row.rates || !row.rates->events_per_wakeup) return "-";
  const double events = *row.rates->events_per_wakeup;
  return absl::StrFormat("%.*f", events < 99.95 ? 1 : 0, events);
}

}  // namespace

Column NextColumn(Column column, int steps) {
  const int count = static_cast<int>(kColumns.size());
  const int at = (static_cast<int>(column) + steps % count + count) % count;
  return static_cast<Column>(at);
}

std::string ColumnText(const ReactorRow& row, Column column) {
  switch (column) {
    case Column::kId:
      return absl::StrCat(row.id);
    case Column::kCpu:
      return row.cpu < 0 ? "-" : absl::StrCat(row.cpu);
    case Column::kState:
      return EnumText(row.state);
    case Column::kLoad:
      return LoadText(row);
    case Column::kConnections:
      return HumanCount(row.connections);
    case Column::kAccepts:
      return RateText(row, &Rates::accepts);
    case Column::kMessages:
      return RateText(row, &Rates::messages);
    case Column::kReceived:
      return ByteText(row, &Rates::received_bytes);
    case Column::kSent:
      return ByteText(row, &Rates::sent_bytes);
    case Column::kEvents:
      return EventsText(row);
    case Column::kQueue:
      return row.listeners.queue_limit > 0 ? absl::StrCat(HumanCount(row.listeners.queue), "/",
                                                          HumanCount(row.listeners.queue_limit))
                                           : "-";
    case Column::kWeight:
      return absl::StrCat(row.weight);
  }
  return "";
}

std::vector<ReactorRow> Sorted(std::vector<ReactorRow> rows, Column column, bool descending) {
  std::sort(rows.begin(), rows.end(), [=](const ReactorRow& a, const ReactorRow& b) {
    const double left = KeyOf(a, column);
    const double right = KeyOf(b, column);
    if (left != right) return descending ? left > right : left < right;
    return a.id < b.id;
  });
  return rows;
}

std::string CompactBytes(double bytes) {
  if (!(bytes > 0)) return "0";
  // No link carries more than this in a second.
  const std::string text =
      HumanBytes(static_cast<std::uint64_t>(std::llround(std::min(bytes, 1e18))));
  const std::size_t blank = text.find(' ');
  // "512 B" has no prefix to keep, "1.50 KiB" has one.
  const std::string prefix = text.substr(blank + 1, 1);
  return text.substr(0, blank) + (prefix == "B" ? "" : prefix);
}

}  // namespace echogw::ctl::top
