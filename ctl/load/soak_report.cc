#include "ctl/load/soak_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "ctl/load/report.h"
#include "ctl/load/soak_ledger.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/units.h"

namespace echogw::ctl::load {
namespace {

std::vector<const LoadResult*> Parts(const SoakFindings& findings) {
  std::vector<const LoadResult*> parts = {&findings.traffic.churn, &findings.traffic.held};
  if (findings.baseline) {
    parts.push_back(&findings.baseline->churn);
    parts.push_back(&findings.baseline->held);
  }
  return parts;
}

std::uint64_t HeldLost(const SoakFindings& findings) {
  std::uint64_t alive = findings.traffic.held.alive_at_end;
  std::uint64_t wanted = findings.ran ? findings.held_connections : 0;
  if (findings.baseline) {
    alive += findings.baseline->held.alive_at_end;
    wanted += findings.held_connections;
  }
  return wanted > alive ? wanted - alive : 0;
}

std::string DescribeOperations(const ControlRecord& control) {
  std::vector<std::string> done;
  for (const auto& [kind, tally] : control.tallies) {
    if (tally.succeeded > 0) done.push_back(absl::StrCat(tally.succeeded, " ", kind));
  }
  return absl::StrCat(done.empty() ? "none" : absl::StrJoin(done, ", "), " succeeded, ",
                      control.Unsuccessful(), " failed or refused");
}

std::string DescribeKernel(const ControlRecord& control) {
  if (!control.kernel_before || !control.kernel_after) return "";
  const admin::v1::KernelCounters& before = *control.kernel_before;
  const admin::v1::KernelCounters& after = *control.kernel_after;
  return absl::StrFormat(
      "listen overflows +%d, listen drops +%d, aborts on close +%d, failed request migrations +%d",
      after.listen_overflows() - before.listen_overflows(),
      after.listen_drops() - before.listen_drops(),
      after.tcp_abort_on_close() - before.tcp_abort_on_close(),
      after.tcp_migrate_req_failure() - before.tcp_migrate_req_failure());
}

std::string DescribeGateway(const ServerSide& server) {
  if (!server.after.has_total() || server.WasRestarted()) return "";
  const admin::v1::Counters& from = server.before.total();
  const admin::v1::Counters& to = server.after.total();
  const std::uint64_t closed =
      FieldSum(to.connections_closed()) - FieldSum(from.connections_closed());
  const std::uint64_t by_peer =
      to.connections_closed().peer_closed() - from.connections_closed().peer_closed();
  return absl::StrFormat(
      "%d accepted, %d closed (%d not by the client), %d rejected, %d moved, %d active",
      to.connections_accepted() - from.connections_accepted(), closed, closed - by_peer,
      FieldSum(to.connections_rejected()) - FieldSum(from.connections_rejected()),
      to.connections_moved_in() - from.connections_moved_in(), to.connections_active());
}

// Why it ended, when not as planned.
std::string DescribeEnd(const SoakFindings& findings) {
  if (findings.interrupted) return " (interrupted)";
  const bool all_gone = findings.held_connections > 0 && findings.traffic.held.alive_at_end == 0;
  return all_gone ? " (until every held connection was gone)" : "";
}

void PrintLatencies(std::ostream& out, const SoakFindings& findings, bool colour) {
  Table table = LatencyTable();
  if (findings.churn_clients > 0) {
    AddLatencyRow(table, "connect", findings.traffic.churn.connect_latency);
    AddLatencyRow(table, "connect to echo", findings.traffic.churn.latency);
  }
  if (findings.held_connections > 0) {
    AddLatencyRow(table, "held ping-pong", findings.traffic.held.latency);
    if (findings.baseline) {
      AddLatencyRow(table, "held, baseline", findings.baseline->held.latency);
    }
  }
  if (findings.control) {
    for (const auto& [kind, tally] : findings.control->tallies) {
      if (tally.elapsed.count() > 0) AddLatencyRow(table, kind, tally.elapsed);
    }
  }
  table.Print(out, colour);
}

// How much longer 99.9 % of the held answers took at most than without operations; 0 if unknown.
double HeldRatio(const SoakFindings& findings) {
  if (!findings.baseline || findings.baseline->held.latency.count() == 0) return 0;
  const auto with = static_cast<double>(findings.traffic.held.latency.Quantile(0.999).count());
  const auto without = static_cast<double>(findings.baseline->held.latency.Quantile(0.999).count());
  return with / std::max(without, 1.0);
}

Document TrafficDocument(const LoadResult& result, std::uint64_t clients) {
  return Document::Object({{"clients", clients},
                           {"connections", result.connects},
                           {"messages", result.messages},
                           {"verified_bytes", result.verified_bytes},
                           {"wrong_bytes", result.wrong_bytes},
                           {"alive_at_end", result.alive_at_end},
                           {"latency", LatencyDocument(result.latency)},
                           {"connect_latency", LatencyDocument(result.connect_latency)}});
}

Document PhaseDocument(const TrafficResult& traffic, const SoakFindings& findings) {
  return Document::Object({{"churn", TrafficDocument(traffic.churn, findings.churn_clients)},
                           {"held", TrafficDocument(traffic.held, findings.held_connections)}});
}

Document ControlDocument(const ControlRecord& control) {
  Document kinds = Document::Object();
  for (const auto& [kind, tally] : control.tallies) {
    kinds.Set(kind, Document::Object({{"succeeded", tally.succeeded},
                                      {"failed", tally.failed},
                                      {"refused", tally.refused},
                                      {"elapsed", LatencyDocument(tally.elapsed)}}));
  }
  Document failures = Document::Array();
  for (const ControlRecord::Failure& failure : control.failures) {
    failures.Append(Document::Object(
        {{"time", FormatTime(failure.time)}, {"kind", failure.kind}, {"text", failure.text}}));
  }
  const bool kernel = control.kernel_before && control.kernel_after;
  return Document::Object(
      {{"succeeded", control.Succeeded()},
       {"unsuccessful", control.Unsuccessful()},
       {"kinds", kinds},
       {"first_failures", failures},
       {"connections_moved", control.connections_moved},
       {"connections_closed", control.connections_closed},
       {"connections_reset", control.connections_reset},
       {"accepted_from_parked", control.accepted_from_parked},
       {"kernel",
        kernel ? GrowthDocument(*control.kernel_before, *control.kernel_after) : Document()}});
}

Document ServerDocument(const SoakFindings& findings) {
  if (!findings.server) return Document::Object({{"note", findings.server_note}});
  Document faults = Document::Array();
  for (const std::string& fault : findings.server->faults) faults.Append(fault);
  return Document::Object(
      {{"note", findings.server_note},
       {"adds_up", findings.server->faults.empty()},
       {"faults", faults},
       {"counters", findings.server->after.has_total() && !findings.server->WasRestarted()
                        ? LedgerDocument(findings.server->before, findings.server->after)
                        : Document()}});
}

}  // namespace

bool ServerSide::WasRestarted() const {
  return after.has_total() && (start_before.seconds() != start_after.seconds() ||
                               start_before.nanos() != start_after.nanos() ||
                               FromProto(after.uptime()) < FromProto(before.uptime()));
}

std::uint64_t SoakFindings::Sum(std::uint64_t LoadResult::*member) const {
  std::uint64_t sum = 0;
  for (const LoadResult* part : Parts(*this)) sum += part->*member;
  return sum;
}

ErrorLog SoakFindings::Errors() const {
  ErrorLog errors;
  for (const LoadResult* part : Parts(*this)) errors.Merge(part->errors);
  return errors;
}

std::vector<SlowConnection> SoakFindings::Slow() const {
  std::vector<SlowConnection> slow;
  for (const LoadResult* part : Parts(*this)) {
    slow.insert(slow.end(), part->slow.begin(), part->slow.end());
  }
  return slow;
}

std::vector<std::string> LossesOf(const SoakFindings& findings) {
  std::vector<std::string> losses;
  const ErrorLog errors = findings.Errors();
  const std::uint64_t own = errors.CountOf(ErrorKind::kClientLimit);
  if (errors.total() > own) losses.push_back(Plural(errors.total() - own, "client-side error"));
  if (const std::uint64_t wrong = findings.Sum(&LoadResult::wrong_bytes); wrong > 0) {
    losses.push_back(Plural(wrong, "wrong byte"));
  }
  if (const std::uint64_t lost = HeldLost(findings); lost > 0) {
    losses.push_back(absl::StrCat(lost, " of ", findings.held_connections, " held connections"));
  }
  if (const std::uint64_t missing = findings.Sum(&LoadResult::unfinished); missing > 0) {
    losses.push_back(absl::StrCat(Plural(missing, "answer"), " missing at the end"));
  }
  if (const std::uint64_t slow = findings.Sum(&LoadResult::slow_count); slow > 0) {
    losses.push_back(absl::StrCat(Plural(slow, "connection"), " slower than ",
                                  HumanDuration(findings.slow_threshold)));
  }
  if (findings.server && !findings.server->faults.empty()) {
    losses.push_back(absl::StrCat("accounting: ", absl::StrJoin(findings.server->faults, "; ")));
  }
  if (own > 0) {
    losses.push_back(absl::StrCat(Plural(own, "connect"),
                                  " that this machine could not start (not the gateway's fault)"));
  }
  return losses;
}

std::string VerdictOf(const std::vector<std::string>& losses) {
  return losses.empty() ? "LOST NOTHING" : absl::StrCat("LOST ", absl::StrJoin(losses, ", "));
}

void PrintSoak(std::ostream& out, const SoakFindings& findings, bool colour) {
  const ErrorLog errors = findings.Errors();
  const std::uint64_t connects = findings.Sum(&LoadResult::connects);
  const std::uint64_t slow = findings.Sum(&LoadResult::slow_count);
  Facts facts = {
      {"Endpoint", findings.endpoint},
      {"Ran", absl::StrFormat("%s%s: %s, %s, %d-byte messages", HumanDuration(findings.elapsed),
                              DescribeEnd(findings), Plural(findings.churn_clients, "churn client"),
                              Plural(findings.held_connections, "held connection"),
                              findings.message_bytes)},
      {"Connections", absl::StrFormat("%d opened, %s/s", connects,
                                      HumanRate(PerSecond(connects, findings.elapsed)))},
      {"Messages", absl::StrCat(findings.Sum(&LoadResult::messages))},
      {"Verified", absl::StrFormat("%s, %s", HumanBytes(findings.Sum(&LoadResult::verified_bytes)),
                                   Plural(findings.Sum(&LoadResult::wrong_bytes), "wrong byte"))},
      {"Held", absl::StrFormat("%d of %d alive at the end", findings.traffic.held.alive_at_end,
                               findings.held_connections)}};
  if (findings.control) {
    const ControlRecord& control = *findings.control;
    facts.emplace_back("Operations", DescribeOperations(control));
    facts.emplace_back("Moved",
                       absl::StrFormat("%d connections; %d closed, %d reset; %d accepted "
                                       "from parked listeners",
                                       control.connections_moved, control.connections_closed,
                                       control.connections_reset, control.accepted_from_parked));
    facts.emplace_back("Kernel", DescribeKernel(control));
  }
  if (findings.server) {
    facts.emplace_back("Gateway", DescribeGateway(*findings.server));
    facts.emplace_back("Accounting", findings.server->faults.empty()
                                         ? absl::StrCat("adds up", findings.server_note)
                                         : absl::StrJoin(findings.server->faults, "; "));
  } else {
    facts.emplace_back("Gateway", findings.server_note);
  }
  if (const double ratio = HeldRatio(findings); ratio > 0) {
    facts.emplace_back("Held P99.9", absl::StrFormat("%.2f times the baseline", ratio));
  }
  facts.emplace_back("Slow", absl::StrCat(slow, " over ", HumanDuration(findings.slow_threshold)));
  facts.emplace_back("Errors", absl::StrCat(errors.total()));
  PrintFacts(out, facts);
  PrintErrors(out, errors);
  if (slow > 0) {
    out << "First slow connections\n";
    PrintSlow(out, findings.Slow());
  }
  if (findings.control && !findings.control->failures.empty()) {
    out << "First operations that failed\n";
    for (const ControlRecord::Failure& failure : findings.control->failures) {
      out << absl::StreamFormat("  %s  %s: %s\n", FormatTime(failure.time), failure.kind,
                                failure.text);
    }
  }
  out << '\n';
  PrintLatencies(out, findings, colour);
  out << '\n' << VerdictOf(LossesOf(findings)) << '\n';
}

Document SoakDocument(const SoakFindings& findings) {
  const std::vector<std::string> losses = LossesOf(findings);
  Document lost = Document::Array();
  for (const std::string& loss : losses) lost.Append(loss);
  const double ratio = HeldRatio(findings);
  return Document::Object(
      {{"endpoint", findings.endpoint},
       {"verdict", VerdictOf(losses)},
       {"lost", lost},
       {"interrupted", findings.interrupted},
       {"elapsed_nanoseconds", std::int64_t{findings.elapsed.count()}},
       {"message_bytes", findings.message_bytes},
       {"connections_opened", findings.Sum(&LoadResult::connects)},
       {"messages", findings.Sum(&LoadResult::messages)},
       {"verified_bytes", findings.Sum(&LoadResult::verified_bytes)},
       {"wrong_bytes", findings.Sum(&LoadResult::wrong_bytes)},
       {"held_alive_at_end", findings.traffic.held.alive_at_end},
       {"held_p99_9_to_baseline", ratio > 0 ? Document(ratio) : Document()},
       {"slow_threshold_nanoseconds", std::int64_t{findings.slow_threshold.count()}},
       {"slow_count", findings.Sum(&LoadResult::slow_count)},
       {"slow_first", SlowDocument(findings.Slow())},
       {"errors", ErrorsDocument(findings.Errors())},
       {"traffic", PhaseDocument(findings.traffic, findings)},
       {"baseline", findings.baseline ? PhaseDocument(*findings.baseline, findings) : Document()},
       {"operations", findings.control ? ControlDocument(*findings.control) : Document()},
       {"server", ServerDocument(findings)}});
}

}  // namespace echogw::ctl::load
