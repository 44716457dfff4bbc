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

constexpr double kUnknown = -std::numeric_limits<double>::infinity();

template <double Rates::*kField>
double RateKey(const ReactorRow& row) {
  return row.rates ? *row.rates.*kField : kUnknown;
}

template <std::optional<double> Rates::*kField>
double PartKey(const ReactorRow& row) {
  return row.rates ? (*row.rates.*kField).value_or(kUnknown) : kUnknown;
}

template <double Rates::*kField>
std::string RateText(const ReactorRow& row) {
  return row.rates ? HumanRate(*row.rates.*kField) : "-";
}

template <double Rates::*kField>
std::string ByteText(const ReactorRow& row) {
  return row.rates ? CompactBytes(*row.rates.*kField) : "-";
}

std::string LoadText(const ReactorRow& row) {
  const double busy = PartKey<&Rates::busy>(row);
  return busy == kUnknown ? "-" : absl::StrFormat("%.0f%%", 100 * busy);
}

std::string EventsText(const ReactorRow& row) {
  const double events = PartKey<&Rates::events_per_wakeup>(row);
  return events == kUnknown ? "-" : absl::StrFormat("%.*f", events < 99.95 ? 1 : 0, events);
}

double QueueKey(const ReactorRow& row) {
  return row.listeners.queue_limit > 0 ? static_cast<double>(row.listeners.queue) : kUnknown;
}

std::string QueueText(const ReactorRow& row) {
  if (row.listeners.queue_limit == 0) return "-";
  return absl::StrCat(HumanCount(row.listeners.queue), "/", HumanCount(row.listeners.queue_limit));
}

}  // namespace

using Row = ReactorRow;
const std::array<ColumnSpec, 12> kColumns = {{
    {"ID", 3, false, false, [](const Row& row) -> double { return row.id; },
     [](const Row& row) { return absl::StrCat(row.id); }},
    {"CPU", 4, false, false, [](const Row& row) -> double { return row.cpu; },
     [](const Row& row) { return row.cpu < 0 ? "-" : absl::StrCat(row.cpu); }},
    {"STATE", 9, true, false, [](const Row& row) { return static_cast<double>(row.state); },
     [](const Row& row) { return EnumText(row.state); }},
    {"LOAD", 10, true, true, PartKey<&Rates::busy>, LoadText},
    {"CONNS", 7, false, true, [](const Row& row) { return static_cast<double>(row.connections); },
     [](const Row& row) { return HumanCount(row.connections); }},
    {"ACC/S", 6, false, true, RateKey<&Rates::accepts>, RateText<&Rates::accepts>},
    {"MSG/S", 6, false, true, RateKey<&Rates::messages>, RateText<&Rates::messages>},
    {"IN/S", 7, false, true, RateKey<&Rates::received_bytes>, ByteText<&Rates::received_bytes>},
    {"OUT/S", 7, false, true, RateKey<&Rates::sent_bytes>, ByteText<&Rates::sent_bytes>},
    {"EV/WK", 6, false, true, PartKey<&Rates::events_per_wakeup>, EventsText},
    {"QUEUE", 10, false, true, QueueKey, QueueText},
    {"WGT", 5, false, true, [](const Row& row) -> double { return row.weight; },
     [](const Row& row) { return absl::StrCat(row.weight); }},
}};

Column NextColumn(Column column, int steps) {
  const int count = static_cast<int>(kColumns.size());
  const int at = (static_cast<int>(column) + steps % count + count) % count;
  return static_cast<Column>(at);
}

std::vector<ReactorRow> Sorted(std::vector<ReactorRow> rows, Column column, bool descending) {
  std::sort(rows.begin(), rows.end(), [=](const ReactorRow& a, const ReactorRow& b) {
    const double left = SpecOf(column).key(a);
    const double right = SpecOf(column).key(b);
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
