// bench: throughput and latency of an echo endpoint, every byte verified. Makes no admin calls.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ctl/base/interrupt.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/engine/load_run.h"
#include "ctl/load/common_options.h"
#include "ctl/load/report.h"
#include "ctl/output/emit.h"
#include "ctl/output/units.h"

namespace echogw::ctl::load {
namespace {

constexpr std::uint64_t kConnectionsMax = 10'000'000;
// A closed loop keeps the time of every unanswered message: 8 bytes each.
constexpr std::uint64_t kTimesMax = 1 << 25;
constexpr std::chrono::seconds kBenchDuration{10};

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

// Nanoseconds; 0 without a message.
double CpuPerMessage(const MeasuredResult& result) {
  if (result.measured_messages == 0) return 0;
  return static_cast<double>(result.measured_cpu.count()) /
         static_cast<double>(result.measured_messages);
}

std::string MeasuredText(const MeasuredResult& result) {
  return absl::StrCat(HumanDuration(result.measured), result.interrupted ? " (interrupted)" : "");
}

std::string RateText(const MeasuredResult& result) {
  return absl::StrCat(result.measured_messages, ", ",
                      HumanRate(PerSecond(result.measured_messages, result.measured)), "/s");
}

std::string ThroughputText(const MeasuredResult& result, std::uint64_t message_bytes) {
  const double rate = PerSecond(result.measured_messages, result.measured);
  return absl::StrCat(HumanByteRate(rate * static_cast<double>(message_bytes)),
                      " in each direction");
}

std::string CpuText(const MeasuredResult& result) {
  return HumanDuration(Duration(static_cast<std::int64_t>(CpuPerMessage(result))));
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
  context.out << '\n';
  latency.Print(context.out, context.colour);
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
  context.out << '\n';
  latency.Print(context.out, context.colour);
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

class BenchCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"bench",
            "Measure throughput and latency of an echo endpoint",
            "  echogwctl bench 127.0.0.1:7000                     # 50 connections, 64 bytes, 10s\n"
            "  echogwctl bench 127.0.0.1:7000 -c 1000 -s 4KiB -p 16 -t 2\n"
            "  echogwctl bench 127.0.0.1:7000 -r 20000 -d 30s     # fixed rate, true latency\n"
            "  echogwctl bench 127.0.0.1:7000 --churn -c 16       # connect, echo, close\n"
            "  echogwctl bench 127.0.0.1:7000 --messages 100000 -o json\n"
            "  echogwctl bench 127.0.0.1:7000 --udp -c 8 -p 4     # datagrams, losses counted",
            "",
            {{0, "every message came back as it was sent"},
             {1, "there were errors, or datagrams were lost; the report counts them"},
             {3, "the endpoint cannot be reached"},
             {4, "there were no errors, but it was interrupted before its end"}}};
  }

  void AddOptions(OptionSet& options) override {
    common_.AddTo(options);
    options.Count("-c,--connections", &connections_, {1, kConnectionsMax}, "Connections (50)");
    options.Count("-p,--depth", &depth_, {1, LoadOptions::kDepthMax},
                  "Unanswered messages a connection may have (1; with --rate 1048576)");
    options.Time("-d,--duration", &duration_,
                 "Measure for this time (10s; no limit with --messages)", kLeastTime);
    options.Count("--messages", &messages_, {1},
                  "Stop after this many messages (with --churn: connections)");
    options.Real("-r,--rate", &rate_,
                 "Messages (with --churn: connections) per second over all connections, sent on "
                 "time whether or not answers come; latency counts from that time (no rate: the "
                 "next one after an answer)");
    options.Flag("--churn", &churn_, "A new connection for each message");
    options.Flag("--udp", &udp_,
                 "Datagrams: --connections are sockets, --size is 8 to 65507 bytes");
    options.Time("--answer-timeout", &answer_timeout_,
                 "With --udp: a datagram without an answer for this long is lost (1s)", kLeastTime);
    options.Time("--warmup", &warmup_, "Run this long before measuring (0s)");
  }

  bool CallsGateway() const override { return false; }

  ExitCode Run(CommandContext& context) override {
    return udp_ ? RunUdp(context) : RunStream(context);
  }

 private:
  absl::Status Prepare(std::uint64_t default_depth, LoadBasics* load) const {
    load->connections = connections_;
    load->depth = depth_.value_or(default_depth);
    load->duration = duration_.value_or(messages_ > 0 ? Duration::zero() : kBenchDuration);
    load->warmup = warmup_;
    load->messages = messages_;
    load->threads = common_.threads();
    if (rate_ == 0 && connections_ > kTimesMax / load->depth) {
      return absl::InvalidArgumentError(
          absl::StrCat("--depth: --connections times --depth is over ", kTimesMax));
    }
    return common_.CheckThreads(connections_, "--connections");
  }

  absl::Status MakeLoad(LoadOptions* load) const {
    load->mode = churn_ ? LoadMode::kChurn : LoadMode::kStream;
    load->rate = rate_;
    if (churn_ && depth_.value_or(1) > 1) {
      return absl::InvalidArgumentError("--depth: --churn sends one message a connection");
    }
    absl::Status status = Prepare(rate_ > 0 ? LoadOptions::kDepthMax : 1, load);
    return status.ok() ? common_.Prepare(load) : status;
  }

  absl::Status MakeUdpLoad(UdpLoadOptions* load) const {
    if (churn_ || rate_ > 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(churn_ ? "--churn" : "--rate", ": not with --udp"));
    }
    if (common_.size() < UdpLoadOptions::kBytesMin || common_.size() > UdpLoadOptions::kBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat("--size: a datagram of --udp has ",
                                                     UdpLoadOptions::kBytesMin, " to ",
                                                     UdpLoadOptions::kBytesMax, " bytes"));
    }
    load->answer_timeout = answer_timeout_;
    absl::Status status = Prepare(1, load);
    return status.ok() ? common_.Prepare(load) : status;
  }

  // Runs `load` to its end, with `line(now, last, time between)` once a second if wanted.
  template <typename Run, typename Line>
  absl::StatusOr<typename Run::Result> RunLoad(CommandContext& context,
                                               const typename Run::Options& load, Line line) const {
    auto run = Run::Start(load);
    if (!run.ok()) return run.status();
    const auto guard = context.interrupt.Arm([&run] { (*run)->Stop(); });
    typename Run::Snapshot before;
    WatchLoad(
        context, common_.ShowsProgress(context),
        [&](auto timeout) { return (*run)->WaitDone(timeout); },
        [&](auto since) {
          const auto now = (*run)->Progress();
          return line(now, std::exchange(before, now), since);
        });
    return (*run)->Finish();
  }

  ExitCode RunStream(CommandContext& context) const {
    LoadOptions load;
    if (absl::Status status = MakeLoad(&load); !status.ok()) return FailLoad(context, status);
    const auto result = RunLoad<LoadRun>(
        context, load, [](const auto& now, const auto& last, auto since) -> std::string {
          return absl::StrFormat("%s messages/s  %s connects/s  %d open  %d errors",
                                 HumanRate(PerSecond(now.messages - last.messages, since)),
                                 HumanRate(PerSecond(now.connects - last.connects, since)),
                                 now.open, now.errors);
        });
    if (!result.ok()) return FailLoad(context, result.status());
    if (result->connects == 0 && result->errors.total() > 0) {
      return FailToConnect(context, load.target.ToString(), result->errors);
    }
    Emit(
        context, [&] { return BenchDocument(load, *result); },
        [&] { PrintBench(context, common_.target(), load, *result); });
    return CodeOf(result->errors.total(), result->interrupted);
  }

  ExitCode RunUdp(CommandContext& context) const {
    UdpLoadOptions load;
    if (absl::Status status = MakeUdpLoad(&load); !status.ok()) return FailLoad(context, status);
    const auto result = RunLoad<UdpLoadRun>(
        context, load, [](const auto& now, const auto& last, auto since) -> std::string {
          return absl::StrFormat("%s answers/s  %d lost",
                                 HumanRate(PerSecond(now.messages - last.messages, since)),
                                 now.errors);
        });
    if (!result.ok()) return FailLoad(context, result.status());
    if (result->answered == 0 && result->faults() > 0) {
      const char* why = result->refused > 0 ? "refuses datagrams" : "does not answer datagrams";
      return Fail(context, ExitCode::kUnreachable,
                  absl::StrCat(load.target.ToString(), " ", why, "; does it listen on UDP?"));
    }
    Emit(
        context, [&] { return UdpBenchDocument(load, *result); },
        [&] { PrintUdpBench(context, load, *result); });
    return CodeOf(result->faults(), result->interrupted);
  }

  static ExitCode CodeOf(std::uint64_t errors, bool interrupted) {
    if (errors > 0) return ExitCode::kRefused;
    return interrupted ? ExitCode::kPartial : ExitCode::kOk;
  }

  CommonLoadOptions common_;
  std::uint64_t connections_ = 50;
  std::optional<std::uint64_t> depth_;
  std::optional<Duration> duration_;
  std::uint64_t messages_ = 0;
  double rate_ = 0;
  bool churn_ = false;
  bool udp_ = false;
  Duration answer_timeout_ = std::chrono::seconds(1);
  Duration warmup_{0};
};

}  // namespace

std::unique_ptr<Command> MakeBenchCommand() { return std::make_unique<BenchCommand>(); }

}  // namespace echogw::ctl::load
