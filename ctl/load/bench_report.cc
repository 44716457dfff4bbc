#include "ctl/load/bench_report.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ctl/load/report.h"
#include "ctl/output/emit.h"
#include "ctl/output/units.h"

namespace echogw::ctl::load {

namespace {

bool IsChurn(const LoadOptions& load) { return load.mode == LoadMode::kChurn; }

std::string DescribeLoad(const LoadOptions& load) {
  std::string text =
      absl::StrCat(Plural(load.connections, "connection"), IsChurn(load) ? " in churn, " : ", ",
                   load.message_bytes, "-byte messages");
  const bool bounded = load.rate == 0 || load.depth < LoadOptions::kDepthMax;
  if (!IsChurn(load) && bounded) absl::StrAppend(&text, ", depth ", load.depth);
  if (load.rate > 0) absl::StrAppend(&text, ", ", HumanRate(load.rate), "/s wanted");
  return absl::StrCat(text, ", ", Plural(load.threads, "thread"));
}

// Connects per second: of the measured time in churn, of the opening phase otherwise.
double ConnectRate(const LoadOptions& load, const LoadResult& result) {
  return PerSecond(result.measured_connects,
                   IsChurn(load) ? result.measured : result.connect_phase);
}

// Of all client threads: 1 when none of them ever waited.
double CpuShare(const LoadOptions& load, const LoadResult& result) {
  if (result.measured.count() == 0) return 0;
  return static_cast<double>(result.measured_cpu.count()) /
         (static_cast<double>(result.measured.count()) * static_cast<double>(load.threads));
}

std::string CpuText(const MeasuredResult& result) {
  return HumanDuration(std::chrono::nanoseconds(static_cast<std::int64_t>(CpuPerMessage(result))));
}

void PrintLatencies(CommandContext& context, Table latency) {
  context.out << '\n';
  latency.Print(context.out, context.colour);
  context.out << std::flush;
}

void PrintBench(CommandContext& context, const std::string& target, const LoadOptions& load,
                const LoadResult& result) {
  const std::string address = load.target.ToString();
  const std::uint64_t unfinished = result.unsent + result.unfinished;
  PrintFacts(
      context.out,
      {{"Target", target == address ? target : absl::StrCat(target, " (", address, ")")},
       {"Load", DescribeLoad(load)},
       {"Measured", MeasuredText(result)},
       {"Messages", RateText(result)},
       {"Throughput", ThroughputText(result, load.message_bytes)},
       {"Connects",
        absl::StrCat(result.measured_connects, ", ", HumanRate(ConnectRate(load, result)), "/s")},
       {"Client CPU",
        absl::StrFormat("%s per message, %.0f %% of %s", CpuText(result),
                        100 * CpuShare(load, result), Plural(load.threads, "thread"))},
       {"Verified",
        absl::StrCat(HumanBytes(result.verified_bytes), ", ", result.wrong_bytes, " wrong bytes")},
       {"Unfinished", unfinished == 0 ? ""
                                      : absl::StrCat(unfinished,
                                                     " messages were due and not completed: the "
                                                     "endpoint or the client is slower than the "
                                                     "rate")},
       {"Errors", absl::StrCat(result.errors.total())}});
  PrintErrors(context.out, result.errors);
  Table latency = LatencyTable();
  AddLatencyRow(latency, IsChurn(load) ? "connect to echo" : "message", result.latency);
  AddLatencyRow(latency, "connect", result.connect_latency);
  PrintLatencies(context, std::move(latency));
}

Document BenchDocument(const LoadOptions& load, const LoadResult& result) {
  const double rate = PerSecond(result.measured_messages, result.measured);
  return Document::Object({{"target", load.target.ToString()},
                           {"mode", IsChurn(load) ? "churn" : "stream"},
                           {"connections", std::uint64_t{load.connections}},
                           {"message_bytes", load.message_bytes},
                           {"depth", load.depth},
                           {"threads", std::uint64_t{load.threads}},
                           {"rate_wanted", load.rate},
                           {"interrupted", result.interrupted},
                           // CLOCK_MONOTONIC, so that others can look at the same time.
                           {"measured_from_monotonic_nanoseconds",
                            std::int64_t{result.measured_from.time_since_epoch().count()}},
                           {"measured_nanoseconds", result.measured.count()},
                           {"messages", result.measured_messages},
                           {"messages_per_second", rate},
                           {"bytes_per_second", rate * static_cast<double>(load.message_bytes)},
                           {"connects", result.measured_connects},
                           {"connects_per_second", ConnectRate(load, result)},
                           {"client_cpu_nanoseconds", result.measured_cpu.count()},
                           {"client_cpu_nanoseconds_per_message", CpuPerMessage(result)},
                           {"client_cpu_share", CpuShare(load, result)},
                           {"verified_bytes", result.verified_bytes},
                           {"wrong_bytes", result.wrong_bytes},
                           {"unfinished", result.unsent + result.unfinished},
                           {"latency", LatencyDocument(result.latency)},
                           {"connect_latency", LatencyDocument(result.connect_latency)},
                           {"errors", ErrorsDocument(result.errors)}});
}

void PrintUdpBench(CommandContext& context, const UdpLoadOptions& load,
                   const UdpLoadResult& result) {
  PrintFacts(context.out,
             {{"Target", absl::StrCat(load.target.ToString(), ", UDP")},
              {"Load", absl::StrCat(Plural(load.connections, "socket"), ", ", load.message_bytes,
                                    "-byte datagrams, depth ", load.depth, ", ",
                                    Plural(load.threads, "thread"))},
              {"Measured", MeasuredText(result)},
              {"Answers", RateText(result)},
              {"Throughput", ThroughputText(result, load.message_bytes)},
              {"Client CPU", absl::StrCat(CpuText(result), " per datagram")},
              {"Verified", HumanBytes(result.verified_bytes)},
              {"Sent", absl::StrCat(result.sent, ", ", result.answered, " answered")},
              {"Faults", absl::StrCat(result.lost, " lost, ", result.late, " late or duplicate, ",
                                      result.wrong, " wrong, ", result.refused, " refused, ",
                                      result.io_errors, " socket errors")},
              {"First error", ErrnoName(result.first_error)}});
  Table latency = LatencyTable();
  AddLatencyRow(latency, "datagram", result.latency);
  PrintLatencies(context, std::move(latency));
}

Document UdpBenchDocument(const UdpLoadOptions& load, const UdpLoadResult& result) {
  const double rate = PerSecond(result.measured_messages, result.measured);
  return Document::Object({{"target", load.target.ToString()},
                           {"mode", "udp"},
                           {"sockets", std::uint64_t{load.connections}},
                           {"message_bytes", load.message_bytes},
                           {"depth", load.depth},
                           {"threads", std::uint64_t{load.threads}},
                           {"interrupted", result.interrupted},
                           {"measured_nanoseconds", result.measured.count()},
                           {"answers", result.measured_messages},
                           {"answers_per_second", rate},
                           {"bytes_per_second", rate * static_cast<double>(load.message_bytes)},
                           {"client_cpu_nanoseconds", result.measured_cpu.count()},
                           {"client_cpu_nanoseconds_per_answer", CpuPerMessage(result)},
                           {"verified_bytes", result.verified_bytes},
                           {"sent", result.sent},
                           {"answered", result.answered},
                           {"lost", result.lost},
                           {"late", result.late},
                           {"wrong", result.wrong},
                           {"refused", result.refused},
                           {"io_errors", result.io_errors},
                           {"first_error", ErrnoName(result.first_error)},
                           {"latency", LatencyDocument(result.latency)}});
}

}  // namespace

void ReportBench(CommandContext& context, const std::string& target, const LoadOptions& load,
                 const LoadResult& result) {
  if (context.format == OutputFormat::kTable) {
    PrintBench(context, target, load, result);
  } else {
    EmitDocument(context, BenchDocument(load, result));
  }
}

void ReportUdpBench(CommandContext& context, const UdpLoadOptions& load,
                    const UdpLoadResult& result) {
  if (context.format == OutputFormat::kTable) {
    PrintUdpBench(context, load, result);
  } else {
    EmitDocument(context, UdpBenchDocument(load, result));
  }
}

}  // namespace echogw::ctl::load
