// bench: throughput and latency of an echo endpoint, every byte verified. Needs no admin API.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ctl/cli/interrupt.h"
#include "ctl/cli/option_set.h"
#include "ctl/engine/load_run.h"
#include "ctl/load/common_options.h"
#include "ctl/load/load_commands.h"
#include "ctl/load/report.h"
#include "ctl/load/udp_bench.h"
#include "ctl/output/emit.h"
#include "ctl/output/units.h"

namespace echogw::ctl::load {

namespace {

constexpr std::uint64_t kConnectionsMax = 10'000'000;
constexpr std::uint64_t kThreadsMax = 1024;
constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 30;
constexpr std::uint64_t kDepthMax = 1 << 20;
// A closed loop keeps the time of every unanswered message: 8 bytes each.
constexpr std::uint64_t kTimesMax = 1 << 25;
constexpr std::chrono::seconds kBenchDuration{10};

double PerSecond(std::uint64_t count, std::chrono::nanoseconds time) {
  if (time.count() <= 0) return 0;
  return static_cast<double>(count) / std::chrono::duration<double>(time).count();
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
             {3, "the endpoint cannot be reached"}}};
  }

  void AddOptions(OptionSet& options) override {
    common_.AddTo(options);
    options.Count("-c,--connections", &connections_, {1, kConnectionsMax}, "Connections (50)");
    options.Size("-s,--size", &size_, {1, kSizeMax}, "Bytes of a message (64)");
    options.Count("-p,--depth", &depth_, {1, kDepthMax},
                  "Unanswered messages a connection may have (1; with --rate 1048576)");
    options.Time("-d,--duration", &duration_,
                 "Measure for this time (10s; no limit with --messages)",
                 std::chrono::milliseconds(1));
    options.Count("--messages", &messages_, {1},
                  "Stop after this many messages (with --churn: connections)");
    options.Real("-r,--rate", &rate_,
                 "Messages (with --churn: connections) a second over all connections, sent on "
                 "time whether or not answers come; latency counts from that time (no "
                 "rate: as fast as answers come)");
    options.Count("-t,--threads", &threads_, {1, kThreadsMax}, "Client threads (1)");
    options.Flag("--churn", &churn_, "A new connection for each message");
    options.Flag("--udp", &udp_,
                 "Datagrams: --connections are sockets, --size is 8 to 65507 bytes");
    options.Time("--answer-timeout", &answer_timeout_,
                 "With --udp: a datagram without an answer for this long is lost (1s)",
                 std::chrono::milliseconds(1));
    options.Time("--warmup", &warmup_, "Run this long before measuring (0s)");
    options.Flag("--progress", &progress_,
                 "A line a second on the error stream even if that is no terminal");
  }

  ExitCode Run(CommandContext& context) override {
    if (udp_) return RunUdp(context);
    LoadOptions load;
    if (absl::Status status = MakeLoad(&load); !status.ok()) return FailLoad(context, status);
    auto run = LoadRun::Start(load);
    if (!run.ok()) return FailLoad(context, run.status());
    const auto guard = context.interrupt.Arm([&run] { (*run)->Stop(); });
    Watch(context, **run);
    const LoadResult result = (*run)->Finish();
    if (result.connects == 0 && result.errors.total() > 0) {
      return FailToConnect(context, load.target.ToString(), result.errors);
    }
    if (context.format == OutputFormat::kTable) {
      PrintTable(context, load, result);
    } else {
      EmitDocument(context, ToDocument(load, result));
    }
    return result.errors.total() == 0 ? ExitCode::kOk : ExitCode::kRefused;
  }

 private:
  ExitCode RunUdp(CommandContext& context) const {
    UdpLoadOptions load;
    if (absl::Status status = MakeUdpLoad(&load); !status.ok()) return FailLoad(context, status);
    return RunUdpBench(context, load, progress_ || context.err_is_terminal);
  }

  absl::Status MakeUdpLoad(UdpLoadOptions* load) const {
    if (churn_ || rate_ > 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(churn_ ? "--churn" : "--rate", ": not with --udp"));
    }
    if (size_ < UdpLoadOptions::kBytesMin || size_ > UdpLoadOptions::kBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat("--size: a datagram of --udp has ",
                                                     UdpLoadOptions::kBytesMin, " to ",
                                                     UdpLoadOptions::kBytesMax, " bytes"));
    }
    load->sockets = connections_;
    load->message_bytes = size_;
    load->depth = depth_.value_or(1);
    load->duration = duration_.value_or(messages_ > 0 ? Duration::zero() : kBenchDuration);
    load->warmup = warmup_;
    load->messages = messages_;
    load->answer_timeout = answer_timeout_;
    load->threads = threads_;
    if (absl::Status status = CheckSizes(load->depth); !status.ok()) return status;
    return common_.Prepare(connections_, load);
  }

  // What every thread and every place for an unanswered message needs.
  absl::Status CheckSizes(std::uint64_t depth) const {
    if (threads_ > connections_) {
      return absl::InvalidArgumentError(
          absl::StrCat("--threads: ", threads_, " threads need as many --connections"));
    }
    if (rate_ == 0 && connections_ > kTimesMax / depth) {
      return absl::InvalidArgumentError(
          absl::StrCat("--depth: --connections times --depth is over ", kTimesMax));
    }
    return absl::OkStatus();
  }

  absl::Status MakeLoad(LoadOptions* load) const {
    load->mode = churn_ ? LoadMode::kChurn : LoadMode::kStream;
    load->connections = connections_;
    load->message_bytes = size_;
    load->depth = depth_.value_or(rate_ > 0 ? kDepthMax : 1);
    load->rate = rate_;
    load->duration = duration_.value_or(messages_ > 0 ? Duration::zero() : kBenchDuration);
    load->warmup = warmup_;
    load->messages = messages_;
    load->threads = threads_;
    if (churn_ && depth_.value_or(1) > 1) {
      return absl::InvalidArgumentError("--depth: --churn sends one message a connection");
    }
    if (absl::Status status = CheckSizes(load->depth); !status.ok()) return status;
    return common_.Prepare(connections_, load);
  }

  // Until the load is over: a line a second, if wanted.
  void Watch(CommandContext& context, LoadRun& run) const {
    const bool shown = progress_ || context.err_is_terminal;
    LoadRun::Snapshot before;
    LoadTime last = LoadClock::now();
    const LoadTime began = last;
    while (!run.WaitDone(std::chrono::seconds(1))) {
      if (!shown) continue;
      const LoadTime now = LoadClock::now();
      const LoadRun::Snapshot snapshot = run.Progress();
      context.err << absl::StreamFormat(
                         "%4.0fs  %s messages/s  %s connects/s  %d open  %d errors",
                         std::chrono::duration<double>(now - began).count(),
                         HumanRate(PerSecond(snapshot.messages - before.messages, now - last)),
                         HumanRate(PerSecond(snapshot.connects - before.connects, now - last)),
                         snapshot.open, snapshot.errors)
                  << '\n'
                  << std::flush;
      before = snapshot;
      last = now;
    }
  }

  std::string DescribeLoad(const LoadOptions& load) const {
    std::string text =
        absl::StrCat(connections_, connections_ == 1 ? " connection" : " connections",
                     churn_ ? " in churn, " : ", ", size_, "-byte messages");
    if (!churn_ && (rate_ == 0 || depth_)) absl::StrAppend(&text, ", depth ", load.depth);
    if (rate_ > 0) absl::StrAppend(&text, ", ", HumanRate(rate_), "/s asked for");
    return absl::StrCat(text, ", ", threads_, threads_ == 1 ? " thread" : " threads");
  }

  // Connects a second: of the measured time in churn, of the opening phase otherwise.
  [[nodiscard]] double ConnectRate(const LoadResult& result) const {
    return PerSecond(result.measured_connects, churn_ ? result.measured : result.connect_phase);
  }

  [[nodiscard]] static double CpuPerMessage(const LoadResult& result) {
    if (result.measured_messages == 0) return 0;
    return static_cast<double>(result.measured_cpu.count()) /
           static_cast<double>(result.measured_messages);
  }

  // Of all client threads: 1 when none of them ever waited.
  [[nodiscard]] double CpuShare(const LoadResult& result) const {
    if (result.measured.count() == 0) return 0;
    return static_cast<double>(result.measured_cpu.count()) /
           (static_cast<double>(result.measured.count()) * static_cast<double>(threads_));
  }

  void PrintTable(CommandContext& context, const LoadOptions& load,
                  const LoadResult& result) const {
    const double rate = PerSecond(result.measured_messages, result.measured);
    PrintFacts(
        context.out,
        {{"Target", common_.target() == load.target.ToString()
                        ? common_.target()
                        : absl::StrCat(common_.target(), " (", load.target.ToString(), ")")},
         {"Load", DescribeLoad(load)},
         {"Measured",
          absl::StrCat(HumanDuration(result.measured), result.interrupted ? " (interrupted)" : "")},
         {"Messages", absl::StrCat(result.measured_messages, ", ", HumanRate(rate), "/s")},
         {"Throughput",
          absl::StrCat(HumanByteRate(rate * static_cast<double>(size_)), " in each direction")},
         {"Connects",
          absl::StrCat(result.measured_connects, ", ", HumanRate(ConnectRate(result)), "/s")},
         {"Client CPU",
          absl::StrFormat("%s per message, %.0f %% of %d thread%s",
                          HumanDuration(std::chrono::nanoseconds(
                              static_cast<std::int64_t>(CpuPerMessage(result)))),
                          100 * CpuShare(result), threads_, threads_ == 1 ? "" : "s")},
         {"Verified", absl::StrCat(HumanBytes(result.verified_bytes), ", ", result.wrong_bytes,
                                   " wrong bytes")},
         {"Unfinished", result.unsent + result.unfinished == 0
                            ? ""
                            : absl::StrCat(result.unsent + result.unfinished,
                                           " messages were due and not completed: the rate is more "
                                           "than endpoint or client can carry")},
         {"Errors", absl::StrCat(result.errors.total())}});
    PrintErrors(context.out, result.errors);
    context.out << '\n';
    Table latency = LatencyTable();
    AddLatencyRow(latency, churn_ ? "connect to echo" : "message", result.latency);
    AddLatencyRow(latency, "connect", result.connect_latency);
    latency.Print(context.out, context.colour);
    context.out << std::flush;
  }

  [[nodiscard]] Document ToDocument(const LoadOptions& load, const LoadResult& result) const {
    const double rate = PerSecond(result.measured_messages, result.measured);
    return Document::Object({{"target", load.target.ToString()},
                             {"mode", churn_ ? "churn" : "stream"},
                             {"connections", connections_},
                             {"message_bytes", size_},
                             {"depth", load.depth},
                             {"threads", threads_},
                             {"rate_wanted", rate_},
                             {"interrupted", result.interrupted},
                             // CLOCK_MONOTONIC, so that others can look at the same time.
                             {"measured_from_monotonic_nanoseconds",
                              std::int64_t{result.measured_from.time_since_epoch().count()}},
                             {"measured_nanoseconds", result.measured.count()},
                             {"messages", result.measured_messages},
                             {"messages_per_second", rate},
                             {"bytes_per_second", rate * static_cast<double>(size_)},
                             {"connects", result.measured_connects},
                             {"connects_per_second", ConnectRate(result)},
                             {"client_cpu_nanoseconds", result.measured_cpu.count()},
                             {"client_cpu_nanoseconds_per_message", CpuPerMessage(result)},
                             {"client_cpu_share", CpuShare(result)},
                             {"verified_bytes", result.verified_bytes},
                             {"wrong_bytes", result.wrong_bytes},
                             {"unfinished", result.unsent + result.unfinished},
                             {"latency", LatencyDocument(result.latency)},
                             {"connect_latency", LatencyDocument(result.connect_latency)},
                             {"errors", ErrorsDocument(result.errors)}});
  }

  CommonLoadOptions common_;
  std::uint64_t connections_ = 50;
  std::uint64_t size_ = 64;
  std::optional<std::uint64_t> depth_;
  std::optional<Duration> duration_;
  std::uint64_t messages_ = 0;
  double rate_ = 0;
  std::uint64_t threads_ = 1;
  bool churn_ = false;
  bool udp_ = false;
  Duration answer_timeout_ = std::chrono::seconds(1);
  Duration warmup_{0};
  bool progress_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeBenchCommand() { return std::make_unique<BenchCommand>(); }

}  // namespace echogw::ctl::load
