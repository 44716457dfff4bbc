#include "ctl/load/udp_bench.h"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ctl/cli/interrupt.h"
#include "ctl/load/common_options.h"
#include "ctl/load/report.h"
#include "ctl/output/emit.h"
#include "ctl/output/units.h"

namespace echogw::ctl::load {

namespace {

double PerSecond(std::uint64_t count, std::chrono::nanoseconds time) {
  if (time.count() <= 0) return 0;
  return static_cast<double>(count) / std::chrono::duration<double>(time).count();
}

double CpuPerAnswer(const UdpLoadResult& result) {
  if (result.measured_answers == 0) return 0;
  return static_cast<double>(result.measured_cpu.count()) /
         static_cast<double>(result.measured_answers);
}

// Until the load is over: a line a second, if wanted.
void Watch(CommandContext& context, UdpLoad& load, bool shown) {
  const LoadTime began = LoadClock::now();
  LoadTime last = began;
  std::uint64_t before = 0;
  while (!load.WaitDone(std::chrono::seconds(1))) {
    if (!shown) continue;
    const LoadTime now = LoadClock::now();
    const std::uint64_t answered = load.answered();
    context.err << absl::StreamFormat("%4.0fs  %s answers/s  %d lost",
                                      std::chrono::duration<double>(now - began).count(),
                                      HumanRate(PerSecond(answered - before, now - last)),
                                      load.lost())
                << '\n'
                << std::flush;
    before = answered;
    last = now;
  }
}

std::string Faults(const UdpLoadResult& result) {
  return absl::StrCat(result.lost, " lost, ", result.late, " late or double, ", result.wrong,
                      " wrong, ", result.refused, " refused, ", result.io_errors, " socket errors");
}

void PrintTable(CommandContext& context, const UdpLoadOptions& options,
                const UdpLoadResult& result) {
  const double rate = PerSecond(result.measured_answers, result.measured);
  PrintFacts(
      context.out,
      {{"Target", absl::StrCat(options.target.ToString(), ", UDP")},
       {"Load", absl::StrCat(options.sockets, options.sockets == 1 ? " socket, " : " sockets, ",
                             options.message_bytes, "-byte datagrams, depth ", options.depth, ", ",
                             options.threads, options.threads == 1 ? " thread" : " threads")},
       {"Measured",
        absl::StrCat(HumanDuration(result.measured), result.interrupted ? " (interrupted)" : "")},
       {"Answers", absl::StrCat(result.measured_answers, ", ", HumanRate(rate), "/s")},
       {"Throughput", absl::StrCat(HumanByteRate(rate * static_cast<double>(options.message_bytes)),
                                   " in each direction")},
       {"Client CPU", absl::StrCat(HumanDuration(std::chrono::nanoseconds(
                                       static_cast<std::int64_t>(CpuPerAnswer(result)))),
                                   " per datagram")},
       {"Verified", HumanBytes(result.verified_bytes)},
       {"Sent", absl::StrCat(result.sent, ", ", result.answered, " answered")},
       {"Faults", Faults(result)},
       {"First error", result.first_error == 0 ? "" : ErrnoName(result.first_error)}});
  context.out << '\n';
  Table latency = LatencyTable();
  AddLatencyRow(latency, "datagram", result.latency);
  latency.Print(context.out, context.colour);
  context.out << std::flush;
}

Document ToDocument(const UdpLoadOptions& options, const UdpLoadResult& result) {
  const double rate = PerSecond(result.measured_answers, result.measured);
  return Document::Object({{"target", options.target.ToString()},
                           {"mode", "udp"},
                           {"sockets", static_cast<std::uint64_t>(options.sockets)},
                           {"message_bytes", options.message_bytes},
                           {"depth", options.depth},
                           {"threads", static_cast<std::uint64_t>(options.threads)},
                           {"interrupted", result.interrupted},
                           {"measured_nanoseconds", result.measured.count()},
                           {"answers", result.measured_answers},
                           {"answers_per_second", rate},
                           {"bytes_per_second", rate * static_cast<double>(options.message_bytes)},
                           {"client_cpu_nanoseconds", result.measured_cpu.count()},
                           {"client_cpu_nanoseconds_per_answer", CpuPerAnswer(result)},
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

ExitCode RunUdpBench(CommandContext& context, const UdpLoadOptions& options, bool progress) {
  auto load = UdpLoad::Start(options);
  if (!load.ok()) return FailLoad(context, load.status());
  const auto guard = context.interrupt.Arm([&load] { (*load)->Stop(); });
  Watch(context, **load, progress);
  const UdpLoadResult result = (*load)->Finish();
  if (result.answered == 0 && result.faults() > 0) {
    const char* why = result.refused > 0 ? "refuses datagrams" : "does not answer datagrams";
    return Fail(context, ExitCode::kUnreachable,
                absl::StrCat(options.target.ToString(), " ", why, "; does it listen on UDP?"));
  }
  if (context.format == OutputFormat::kTable) {
    PrintTable(context, options, result);
  } else {
    EmitDocument(context, ToDocument(options, result));
  }
  return result.faults() == 0 ? ExitCode::kOk : ExitCode::kRefused;
}

}  // namespace echogw::ctl::load
