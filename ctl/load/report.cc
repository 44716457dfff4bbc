#include "ctl/load/report.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "ctl/engine/options.h"
#include "ctl/output/units.h"

namespace echogw::ctl::load {
namespace {

struct Percentile {
  const char* name;
  double fraction;
};

constexpr Percentile kPercentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

// What to do about a limit of this machine; empty for any other error.
std::string_view HintFor(ErrorLog::Key key) {
  if (key.first != ErrorKind::kClientLimit) return "";
  switch (key.second) {
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case EAGAIN:
      return "no source port left for the target (closed connections hold theirs in TIME_WAIT); "
             "use "
             "--source-addresses, fewer connections or a --rate, or widen "
             "net.ipv4.ip_local_port_range";
    case EMFILE:
    case ENFILE:
      return "no file descriptor left; use fewer connections or raise the limit";
    default:
      return "out of memory for sockets; use fewer connections";
  }
}

std::string KindAndErrno(ErrorKind kind, int error) {
  const std::string name(ErrorKindName(kind));
  return error == 0 ? name : absl::StrCat(name, " ", ErrnoName(error));
}

}  // namespace

std::string Plural(std::uint64_t count, const std::string& noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

double PerSecond(std::uint64_t count, Duration time) {
  if (time.count() <= 0) return 0;
  return static_cast<double>(count) / std::chrono::duration<double>(time).count();
}

void WatchLoad(CommandContext& context, bool shown, const std::function<bool(Duration)>& done,
               const std::function<std::string(Duration)>& line) {
  const LoadTime began = LoadClock::now();
  LoadTime last = began;
  while (!done(std::chrono::seconds(1))) {
    if (!shown) continue;
    const LoadTime now = LoadClock::now();
    context.err << absl::StreamFormat("%4.0fs  %s\n",
                                      std::chrono::duration<double>(now - began).count(),
                                      line(now - last))
                << std::flush;
    last = now;
  }
}

Document LatencyDocument(const LatencyHistogram& histogram) {
  Document document = Document::Object();
  document.Set("count", histogram.count());
  document.Set("min_nanoseconds", histogram.min().count());
  document.Set("mean_nanoseconds", histogram.Mean().count());
  for (const Percentile& percentile : kPercentiles) {
    std::string name = percentile.name;
    if (const std::size_t dot = name.find('.'); dot != std::string::npos) name[dot] = '_';
    document.Set(name + "_nanoseconds", histogram.Quantile(percentile.fraction).count());
  }
  document.Set("max_nanoseconds", histogram.max().count());
  return document;
}

Table LatencyTable() {
  std::vector<Table::Column> columns = {{"LATENCY"}, {"COUNT", Align::kRight}};
  for (const char* title : {"MIN", "MEAN"}) columns.push_back({title, Align::kRight});
  for (const Percentile& percentile : kPercentiles) {
    std::string title = percentile.name;
    title[0] = 'P';
    columns.push_back({title, Align::kRight});
  }
  columns.push_back({"MAX", Align::kRight});
  return Table(std::move(columns));
}

void AddLatencyRow(Table& table, const std::string& title, const LatencyHistogram& histogram) {
  if (histogram.count() == 0) {
    table.AddRow({title, "0", "-", "-", "-", "-", "-", "-", "-"});
    return;
  }
  std::vector<std::string> cells = {title, HumanCount(histogram.count()),
                                    HumanDuration(histogram.min()),
                                    HumanDuration(histogram.Mean())};
  for (const Percentile& percentile : kPercentiles) {
    cells.push_back(HumanDuration(histogram.Quantile(percentile.fraction)));
  }
  cells.push_back(HumanDuration(histogram.max()));
  table.AddRow(std::move(cells));
}

Document ErrorsDocument(const ErrorLog& errors) {
  Document kinds = Document::Array();
  for (const auto& [key, count] : errors.counts()) {
    kinds.Append(Document::Object({{"kind", std::string(ErrorKindName(key.first))},
                                   {"errno", ErrnoName(key.second)},
                                   {"count", count}}));
  }
  Document first = Document::Array();
  for (const ErrorLog::Detail& detail : errors.details()) {
    first.Append(Document::Object({{"time", FormatTime(detail.time)},
                                   {"kind", std::string(ErrorKindName(detail.kind))},
                                   {"errno", ErrnoName(detail.error)},
                                   {"connection", detail.connection},
                                   {"local_port", std::uint32_t{detail.local_port}},
                                   {"offset_bytes", detail.offset},
                                   {"text", detail.text}}));
  }
  return Document::Object({{"total", errors.total()}, {"kinds", kinds}, {"first", first}});
}

void PrintErrors(std::ostream& out, const ErrorLog& errors) {
  for (const auto& [key, count] : errors.counts()) {
    out << absl::StreamFormat("  %s: %d\n", KindAndErrno(key.first, key.second), count);
    if (const std::string_view hint = HintFor(key); !hint.empty()) out << "    " << hint << '\n';
  }
  if (errors.details().empty()) return;
  out << "First errors\n";
  for (const ErrorLog::Detail& detail : errors.details()) {
    out << absl::StreamFormat("  %s  %s  connection %d, local port %d, offset %d%s%s\n",
                              FormatTime(detail.time), KindAndErrno(detail.kind, detail.error),
                              detail.connection, detail.local_port, detail.offset,
                              detail.text.empty() ? "" : ": ", detail.text);
  }
}

Document SlowDocument(const std::vector<SlowConnection>& slow) {
  Document document = Document::Array();
  for (const SlowConnection& entry : slow) {
    const bool connect = entry.what == SlowConnection::What::kConnect;
    document.Append(Document::Object({{"time", FormatTime(entry.time)},
                                      {"what", connect ? "connect" : "first-echo"},
                                      {"took_nanoseconds", entry.took.count()},
                                      {"connection", entry.connection},
                                      {"local_port", std::uint32_t{entry.local_port}}}));
  }
  return document;
}

void PrintSlow(std::ostream& out, const std::vector<SlowConnection>& slow) {
  for (const SlowConnection& entry : slow) {
    const bool connect = entry.what == SlowConnection::What::kConnect;
    out << absl::StreamFormat("  %s  %s took %s, connection %d, local port %d\n",
                              FormatTime(entry.time), connect ? "connect" : "first echo",
                              HumanDuration(entry.took), entry.connection, entry.local_port);
  }
}

std::string FormatTime(std::chrono::system_clock::time_point time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

}  // namespace echogw::ctl::load
