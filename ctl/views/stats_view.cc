#include "ctl/views/stats_view.h"

#include <cstdint>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/table.h"
#include "ctl/output/units.h"
#include "ctl/views/enum_text.h"
#include "ctl/views/rates.h"

namespace echogw::ctl {
namespace {

using admin::v1::Counters;
using admin::v1::GetStatsResponse;
using admin::v1::Reactor;

using NamedCounts = std::vector<std::pair<std::string, std::uint64_t>>;

// "12.3k (peer closed 12.2k, drained 100)"; parts of zero are left out.
std::string Breakdown(const NamedCounts& parts) {
  std::vector<std::string> shown;
  std::uint64_t sum = 0;
  for (const auto& [name, count] : parts) {
    if (count > 0) shown.push_back(absl::StrCat(name, " ", HumanCount(count)));
    sum += count;
  }
  std::string text = HumanCount(sum);
  if (!shown.empty()) absl::StrAppend(&text, " (", absl::StrJoin(shown, ", "), ")");
  return text;
}

// Labels that differ from the name of the field.
std::string LabelOf(const std::string& field) {
  static const std::map<std::string, std::string> kLabels = {
      {"io_error", "I/O error"},
      {"admin_closed", "by an operator"},
      {"admin_reset", "reset by an operator"},
      {"idle_timeout", "idle"},
      {"max_age", "too old"},
      {"proxy_header", "PROXY header"},
      {"tls_error", "TLS"},
      {"fd_limit_select", "past FD_SETSIZE"},
      {"checksum", "wrong checksum"},
      {"not_tls", "no TLS"},
      {"would_block", "no room to send"},
      {"service_port", "from a service port"},
      {"own_port", "from the port of an echo"},
      {"group_address", "to a group address"},
  };
  const auto at = kLabels.find(field);
  return at == kLabels.end() ? WordsOf(field) : at->second;
}

// Of a message whose fields are all counts: a reason added to the API shows without a change here.
std::string Breakdown(const google::protobuf::Message& counts) {
  const google::protobuf::Descriptor& type = *counts.GetDescriptor();
  NamedCounts parts;
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* field = type.field(i);
    parts.emplace_back(LabelOf(field->name()), counts.GetReflection()->GetUInt64(counts, field));
  }
  return Breakdown(parts);
}

std::string EmptyIfZero(std::string text) { return text == "0" ? "" : text; }

std::string TlsFailures(const Counters& total) {
  const std::string failures = Breakdown(total.tls_failures());
  if (failures == "0" && total.tls_handshakes() == 0) return "";
  return absl::StrCat(HumanCount(total.tls_handshakes()), " handshakes, failed ", failures);
}

std::string AcceptErrors(const Counters& total) {
  return EmptyIfZero(Breakdown(NamedCounts{{"out of descriptors", total.accept_errors_fd()},
                                           {"out of memory", total.accept_errors_memory()},
                                           {"other", total.accept_errors_other()}}));
}

// Header lines of UDP; none when it is off.
Facts UdpFacts(const GetStatsResponse& stats) {
  std::uint64_t sockets = 0;
  std::uint64_t kernel_drops = 0;
  for (const Reactor& reactor : stats.reactors()) {
    for (const auto& socket : reactor.udp_sockets()) {
      ++sockets;
      kernel_drops += socket.drops();
    }
  }
  if (sockets == 0) return {};
  const auto& udp = stats.total().udp();
  return {{"Datagrams", absl::StrCat(HumanCount(udp.received_datagrams()), " received (",
                                     HumanBytes(udp.received_bytes()), "), ",
                                     HumanCount(udp.sent_datagrams()), " sent")},
          {"Not echoed", Breakdown(udp.dropped())},
          {"Kernel drops", absl::StrCat(HumanCount(kernel_drops), " datagrams")}};
}

std::string Percent(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.1f%%", 100 * part / whole) : "-";
}

// `moving` holds the lines that are totals or rates.
void PrintHeader(std::ostream& out, const GetStatsResponse& stats, const std::string& target,
                 const Facts& moving) {
  const Counters& total = stats.total();
  Facts facts = {
      {"Gateway", target},
      {"State", EnumText(stats.state())},
      {"Uptime", HumanDuration(FromProto(stats.uptime()))},
      {"Connections", absl::StrCat(HumanCount(total.connections_active()), " active, ",
                                   HumanCount(total.connections_accepted()), " accepted")},
      {"Closed", Breakdown(total.connections_closed())},
      {"Rejected", Breakdown(total.connections_rejected())},
      {"Accept errors", AcceptErrors(total)},
      {"PROXY headers", EmptyIfZero(Breakdown(total.proxy_headers()))},
      {"TLS", TlsFailures(total)},
  };
  const Facts udp = UdpFacts(stats);
  facts.insert(facts.end(), udp.begin(), udp.end());
  facts.insert(facts.end(), moving.begin(), moving.end());
  facts.emplace_back("Memory", HumanBytes(stats.process_resident_bytes()) + " resident");
  if (total.pending_bytes() > 0) {
    facts.emplace_back("Unread", HumanBytes(total.pending_bytes()) + " held for slow readers");
  }
  if (total.loop_stalls() > 0) {
    facts.emplace_back("Stalls", absl::StrCat(HumanCount(total.loop_stalls()), ", longest loop ",
                                              HumanNanoseconds(total.loop_longest_nanoseconds())));
  }
  facts.emplace_back("Log lines lost", HumanCount(stats.log_lines_dropped()));
  PrintFacts(out, facts);
}

// `from` is empty and `seconds` 0 for totals.
std::vector<std::string> Row(const Reactor* reactor, const Counters& from, const Counters& to,
                             double seconds) {
  const Rates rates = RatesBetween(from, to, seconds > 0 ? seconds : 1);
  std::vector<std::string> cells = {"all", "", "", HumanCount(to.connections_active())};
  if (reactor != nullptr) {
    cells[0] = absl::StrCat(reactor->id());
    cells[1] = reactor->cpu() < 0 ? "-" : absl::StrCat(reactor->cpu());
    cells[2] = EnumText(reactor->state());
  }
  const std::vector<std::string> moving =
      seconds > 0
          ? std::vector<std::string>{HumanRate(rates.accepts), HumanByteRate(rates.received_bytes),
                                     HumanByteRate(rates.sent_bytes), HumanRate(rates.messages)}
          : std::vector<std::string>{HumanCount(to.connections_accepted()),
                                     HumanBytes(to.received_bytes()), HumanBytes(to.sent_bytes()),
                                     HumanCount(to.reads())};
  cells.insert(cells.end(), moving.begin(), moving.end());
  cells.push_back(rates.events_per_wakeup ? absl::StrFormat("%.2f", *rates.events_per_wakeup)
                                          : "-");
  cells.push_back(rates.busy ? Percent(*rates.busy, 1) : "-");
  return cells;
}

// Header and one row a reactor. `seconds` is 0 for totals.
std::string Render(const GetStatsResponse& from, const GetStatsResponse& to, double seconds,
                   const std::string& target, const Facts& moving, bool colour) {
  std::map<std::uint32_t, const Counters*> earlier;
  for (const Reactor& reactor : from.reactors()) earlier[reactor.id()] = &reactor.counters();
  Table table(seconds > 0
                  ? ">REACTOR|>CPU|STATE|>ACTIVE|>ACCEPTS/s|>IN|>OUT|>READS/s|>EVENTS/WAKE|>BUSY"
                  : ">REACTOR|>CPU|STATE|>ACTIVE|>ACCEPTED|>IN|>OUT|>READS|>EVENTS/WAKE|>BUSY");
  for (const Reactor& reactor : to.reactors()) {
    const auto at = earlier.find(reactor.id());
    table.AddRow(
        Row(&reactor, at == earlier.end() ? Counters() : *at->second, reactor.counters(), seconds));
  }
  if (to.reactors_size() > 1) table.AddRow(Row(nullptr, from.total(), to.total(), seconds));
  std::ostringstream out;
  PrintHeader(out, to, target, moving);
  out << '\n';
  table.Print(out, colour);
  return out.str();
}

}  // namespace

std::string RenderStats(const GetStatsResponse& stats, const std::string& target, bool colour) {
  const double cpu = static_cast<double>(stats.process_cpu_nanoseconds()) / 1e9;
  return Render({}, stats, 0, target,
                {{"Received", HumanBytes(stats.total().received_bytes())},
                 {"Sent", HumanBytes(stats.total().sent_bytes())},
                 {"CPU", absl::StrCat(HumanNanoseconds(stats.process_cpu_nanoseconds()), ", ",
                                      Percent(cpu, Seconds(stats.uptime())),
                                      " of one core since the start")}},
                colour);
}

std::string RenderStatsRates(const GetStatsResponse* before, const GetStatsResponse& now,
                             const std::string& target, bool colour) {
  static const GetStatsResponse kNothing;
  const GetStatsResponse& from = before == nullptr ? kNothing : *before;
  double seconds = Seconds(now.uptime()) - Seconds(from.uptime());
  if (!(seconds > 0)) seconds = 1;
  const Rates rates = RatesBetween(from.total(), now.total(), seconds);
  const double cpu = Grown(from.process_cpu_nanoseconds(), now.process_cpu_nanoseconds()) / 1e9;
  return Render(from, now, seconds, target,
                {{"Received", HumanByteRate(rates.received_bytes)},
                 {"Sent", HumanByteRate(rates.sent_bytes)},
                 {"CPU", Percent(cpu, seconds) + " of one core"},
                 {"Rates", before == nullptr
                               ? std::string("averages since the start")
                               : "over the last " +
                                     HumanNanoseconds(static_cast<std::uint64_t>(seconds * 1e9))}},
                colour);
}

}  // namespace echogw::ctl
