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

namespace echogw::ctl {
namespace {

using admin::v1::Counters;
using admin::v1::GetStatsResponse;
using admin::v1::Reactor;

std::uint64_t Sum(const std::vector<std::pair<std::string, std::uint64_t>>& parts) {
  std::uint64_t sum = 0;
  for (const auto& [name, count] : parts) sum += count;
  return sum;
}

// "12.3k (peer closed 12.2k, drained 100)"; parts of zero are left out.
std::string Breakdown(const std::vector<std::pair<std::string, std::uint64_t>>& parts) {
  std::vector<std::string> shown;
  for (const auto& [name, count] : parts) {
    if (count > 0) shown.push_back(absl::StrCat(name, " ", HumanCount(count)));
  }
  std::string text = HumanCount(Sum(parts));
  if (!shown.empty()) absl::StrAppend(&text, " (", absl::StrJoin(shown, ", "), ")");
  return text;
}

std::string Closed(const Counters& total) {
  const auto& closed = total.connections_closed();
  return Breakdown({{"peer closed", closed.peer_closed()},
                    {"peer reset", closed.peer_reset()},
                    {"timed out", closed.timed_out()},
                    {"I/O error", closed.io_error()},
                    {"drained", closed.drained()},
                    {"drain forced", closed.drain_forced()},
                    {"by an operator", closed.admin_closed()},
                    {"reset by an operator", closed.admin_reset()},
                    {"idle", closed.idle_timeout()},
                    {"too old", closed.max_age()},
                    {"no first byte", closed.no_first_byte()},
                    {"PROXY header", closed.proxy_header()},
                    {"handshake timeout", closed.handshake_timeout()},
                    {"TLS", closed.tls_error()}});
}

std::string Rejected(const Counters& total) {
  const auto& rejected = total.connections_rejected();
  return Breakdown({{"past FD_SETSIZE", rejected.fd_limit_select()},
                    {"table full", rejected.table_full()},
                    {"poller error", rejected.poller_error()},
                    {"draining", rejected.draining()},
                    {"total limit", rejected.total_limit()},
                    {"client limit", rejected.client_limit()},
                    {"accept rate", rejected.accept_rate()}});
}

std::string ProxyHeaders(const Counters& total) {
  const auto& headers = total.proxy_headers();
  const std::string text = Breakdown({{"v1", headers.v1()},
                                      {"v2", headers.v2()},
                                      {"local", headers.local()},
                                      {"absent", headers.absent()},
                                      {"missing", headers.missing()},
                                      {"malformed", headers.malformed()},
                                      {"too long", headers.too_long()},
                                      {"wrong checksum", headers.checksum()},
                                      {"timed out", headers.timed_out()}});
  return text == "0" ? "" : text;
}

std::string TlsFailures(const Counters& total) {
  const auto& failures = total.tls_failures();
  const std::string text = Breakdown({{"no TLS", failures.not_tls()},
                                      {"version", failures.version()},
                                      {"cipher", failures.cipher()},
                                      {"alert", failures.alert()},
                                      {"closed", failures.closed()},
                                      {"timed out", failures.timed_out()},
                                      {"other", failures.other()}});
  return text == "0" && total.tls_handshakes() == 0
             ? ""
             : absl::StrCat(HumanCount(total.tls_handshakes()), " handshakes, failed ", text);
}

std::string AcceptErrors(const Counters& total) {
  const std::string text = Breakdown({{"out of descriptors", total.accept_errors_fd()},
                                      {"out of memory", total.accept_errors_memory()},
                                      {"other", total.accept_errors_other()}});
  return text == "0" ? "" : text;
}

std::string DroppedDatagrams(const admin::v1::UdpCounters& udp) {
  const auto& dropped = udp.dropped();
  return Breakdown({{"no room to send", dropped.would_block()},
                    {"send error", dropped.send_error()},
                    {"truncated", dropped.truncated()},
                    {"from a service port", dropped.service_port()},
                    {"to a group address", dropped.group_address()},
                    {"draining", dropped.draining()}});
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
          {"Not sent back", DroppedDatagrams(udp)},
          {"Kernel drops", absl::StrCat(HumanCount(kernel_drops), " datagrams")}};
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::uint64_t Delta(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;
}

// "3.45" ready events a wake-up; "-" when there was no wake-up.
std::string EventsPerWakeup(std::uint64_t events, std::uint64_t wakeups) {
  if (wakeups == 0) return "-";
  return absl::StrFormat("%.2f", static_cast<double>(events) / static_cast<double>(wakeups));
}

std::string Percent(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.1f%%", 100 * part / whole) : "-";
}

std::string BusyPercent(std::uint64_t busy, std::uint64_t wait) {
  return Percent(static_cast<double>(busy), static_cast<double>(busy) + static_cast<double>(wait));
}

std::string Cpu(const Reactor& reactor) {
  return reactor.cpu() < 0 ? "-" : absl::StrCat(reactor.cpu());
}

// Header lines that both views share; `moving` holds those of them that are totals or rates.
void PrintHeader(std::ostream& out, const GetStatsResponse& stats, const std::string& target,
                 const Facts& moving) {
  const Counters& total = stats.total();
  Facts facts = {
      {"Gateway", target},
      {"State", HumanState(stats.state())},
      {"Uptime", HumanDuration(FromProto(stats.uptime()))},
      {"Connections", absl::StrCat(HumanCount(total.connections_active()), " active, ",
                                   HumanCount(total.connections_accepted()), " accepted")},
      {"Closed", Closed(total)},
      {"Rejected", Rejected(total)},
      {"Accept errors", AcceptErrors(total)},
      {"PROXY headers", ProxyHeaders(total)},
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
                                              HumanDuration(Duration(static_cast<std::int64_t>(
                                                  total.loop_longest_nanoseconds())))));
  }
  facts.emplace_back("Log lines lost", HumanCount(stats.log_lines_dropped()));
  PrintFacts(out, facts);
}

std::vector<std::string> TotalsRow(const std::string& id, const std::string& cpu,
                                   const std::string& state, const Counters& c) {
  return {id,
          cpu,
          state,
          HumanCount(c.connections_active()),
          HumanCount(c.connections_accepted()),
          HumanBytes(c.received_bytes()),
          HumanBytes(c.sent_bytes()),
          HumanCount(c.reads()),
          EventsPerWakeup(c.ready_events(), c.wakeups()),
          BusyPercent(c.loop_busy_nanoseconds(), c.loop_wait_nanoseconds())};
}

std::vector<std::string> RatesRow(const std::string& id, const std::string& cpu,
                                  const std::string& state, const Counters& a, const Counters& b,
                                  double seconds) {
  const auto rate = [&](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(Delta(from, to)) / seconds;
  };
  return {
      id,
      cpu,
      state,
      HumanCount(b.connections_active()),
      HumanRate(rate(a.connections_accepted(), b.connections_accepted())),
      HumanByteRate(rate(a.received_bytes(), b.received_bytes())),
      HumanByteRate(rate(a.sent_bytes(), b.sent_bytes())),
      HumanRate(rate(a.reads(), b.reads())),
      EventsPerWakeup(Delta(a.ready_events(), b.ready_events()), Delta(a.wakeups(), b.wakeups())),
      BusyPercent(Delta(a.loop_busy_nanoseconds(), b.loop_busy_nanoseconds()),
                  Delta(a.loop_wait_nanoseconds(), b.loop_wait_nanoseconds()))};
}

Table MakeTable(bool rates) {
  const std::string per = rates ? "/s" : "";
  return Table({{"REACTOR", Align::kRight},
                {"CPU", Align::kRight},
                {"STATE", Align::kLeft},
                {"ACTIVE", Align::kRight},
                {rates ? "ACCEPTS/s" : "ACCEPTED", Align::kRight},
                {"IN", Align::kRight},
                {"OUT", Align::kRight},
                {"READS" + per, Align::kRight},
                {"EVENTS/WAKE", Align::kRight},
                {"BUSY", Align::kRight}});
}

}  // namespace

std::string HumanState(admin::v1::GatewayState state) {
  return HumanEnum(admin::v1::GatewayState_Name(state), "GATEWAY_STATE_");
}

std::string HumanState(admin::v1::ReactorState state) {
  return HumanEnum(admin::v1::ReactorState_Name(state), "REACTOR_STATE_");
}

std::string RenderStats(const GetStatsResponse& stats, const std::string& target, bool colour) {
  std::ostringstream out;
  const Counters& total = stats.total();
  const auto cpu = Duration(static_cast<std::int64_t>(stats.process_cpu_nanoseconds()));
  PrintHeader(out, stats, target,
              {{"Received", HumanBytes(total.received_bytes())},
               {"Sent", HumanBytes(total.sent_bytes())},
               {"CPU", absl::StrCat(HumanDuration(cpu), ", ",
                                    Percent(Seconds(cpu), Seconds(FromProto(stats.uptime()))),
                                    " of one core since the start")}});
  out << '\n';
  Table table = MakeTable(false);
  for (const Reactor& reactor : stats.reactors()) {
    table.AddRow(TotalsRow(absl::StrCat(reactor.id()), Cpu(reactor), HumanState(reactor.state()),
                           reactor.counters()));
  }
  if (stats.reactors_size() > 1) table.AddRow(TotalsRow("all", "", "", total));
  table.Print(out, colour);
  return out.str();
}

std::string RenderStatsRates(const GetStatsResponse* before, const GetStatsResponse& now,
                             const std::string& target, bool colour) {
  static const GetStatsResponse kNothing;
  const GetStatsResponse& from = before == nullptr ? kNothing : *before;
  const double seconds = Seconds(FromProto(now.uptime())) - Seconds(FromProto(from.uptime()));
  const double span = seconds > 0 ? seconds : 1;
  const auto byte_rate = [&](std::uint64_t a, std::uint64_t b) {
    return HumanByteRate(static_cast<double>(Delta(a, b)) / span);
  };
  std::map<std::uint32_t, const Reactor*> earlier;
  for (const Reactor& reactor : from.reactors()) earlier[reactor.id()] = &reactor;

  std::ostringstream out;
  PrintHeader(
      out, now, target,
      {{"Received", byte_rate(from.total().received_bytes(), now.total().received_bytes())},
       {"Sent", byte_rate(from.total().sent_bytes(), now.total().sent_bytes())},
       {"CPU", Percent(static_cast<double>(
                           Delta(from.process_cpu_nanoseconds(), now.process_cpu_nanoseconds())) /
                           1e9,
                       span) +
                   " of one core"},
       {"Rates",
        before == nullptr
            ? std::string("means since the start")
            : "over the last " + HumanDuration(Duration(static_cast<std::int64_t>(span * 1e9)))}});
  out << '\n';
  Table table = MakeTable(true);
  for (const Reactor& reactor : now.reactors()) {
    const auto at = earlier.find(reactor.id());
    table.AddRow(RatesRow(absl::StrCat(reactor.id()), Cpu(reactor), HumanState(reactor.state()),
                          at == earlier.end() ? Counters() : at->second->counters(),
                          reactor.counters(), span));
  }
  if (now.reactors_size() > 1) {
    table.AddRow(RatesRow("all", "", "", from.total(), now.total(), span));
  }
  table.Print(out, colour);
  return out.str();
}

}  // namespace echogw::ctl
