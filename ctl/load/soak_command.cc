// soak: clients open, use and hold connections while the gateway changes; their results and the
// counters of the gateway give one verdict on whether anything was lost.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "ctl/base/interrupt.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/gateway/call.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/load/common_options.h"
#include "ctl/load/report.h"
#include "ctl/load/soak_controller.h"
#include "ctl/load/soak_ledger.h"
#include "ctl/load/soak_report.h"
#include "ctl/load/soak_traffic.h"
#include "ctl/output/emit.h"
#include "ctl/output/units.h"

namespace echogw::ctl::load {
namespace {

constexpr std::uint64_t kClientsMax = 1'000'000;
constexpr std::uint32_t kReactorsMax = 256;
constexpr std::chrono::seconds kSoakDuration{60};

absl::Status ParseSizes(const std::string& text, std::vector<std::uint32_t>* sizes) {
  std::vector<std::uint32_t> parsed;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, ','))) {
    std::uint32_t size = 0;
    if (!absl::SimpleAtoi(part, &size) || size < 1 || size > kReactorsMax) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", text, "' is not a list of sizes; write numbers from 1 to 256, as in 8,2,5"));
    }
    parsed.push_back(size);
  }
  *sizes = std::move(parsed);
  return absl::OkStatus();
}

absl::Status ParseBinaries(const std::string& text, std::vector<std::string>* binaries) {
  std::vector<std::string> parsed = absl::StrSplit(text, ',');
  if (std::any_of(parsed.begin(), parsed.end(),
                  [](const std::string& path) { return path.empty() || path[0] != '/'; })) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not a list of absolute paths, as in /opt/a,/opt/b"));
  }
  *binaries = std::move(parsed);
  return absl::OkStatus();
}

class SoakCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"soak",
            "Prove that no connection and no byte is lost while the gateway changes",
            "  echogwctl soak 127.0.0.1:7000 -d 1m                # while you resize by hand\n"
            "  echogwctl soak 127.0.0.1:7000 --resize 8,2,5 --every 200ms\n"
            "  echogwctl soak 127.0.0.1:7000 --connections 1000000 --resize 8,2 --every 100ms \\\n"
            "      --rebalance --move --drain-reactor --source-addresses 4\n"
            "  echogwctl soak 127.0.0.1:7000 --upgrade /opt/a/echogw,/opt/b/echogw\n"
            "  echogwctl soak 127.0.0.1:7000 --no-admin           # any echo server",
            "",
            {{0, "nothing was lost"},
             {1, "something was lost"},
             {3, "the echo endpoint or the gateway cannot be reached"},
             {4, "nothing was lost, but an operation failed or the soak was interrupted"}}};
  }

  void AddOptions(OptionSet& options) override {
    common_.AddTo(options);
    options.Count("--churn-clients", &churn_clients_, {0, kClientsMax},
                  "Clients that connect, echo and close in a loop (16)");
    options.Count("--held", &held_, {0, kClientsMax},
                  "Connections that stay open and in use from start to end (64)");
    options.Time("--held-interval", &held_interval_,
                 "Time between two messages of a held connection (100ms)", kLeastTime);
    options.Time("-d,--duration", &duration_, "Run this long (60s; no limit with --connections)",
                 kLeastTime);
    options.Count("--connections", &connections_, {1},
                  "Stop when the churn clients have opened this many");
    options.Real("-r,--rate", &rate_,
                 "Connections per second over all churn clients (no rate: as fast as they can)");
    options.Time("--slow-threshold", &slow_threshold_,
                 "Report connects and first echoes that take longer (900ms)", kLeastTime);
    options.Time("--baseline", &baseline_,
                 "First run this long without operations, to compare latencies (0s)");
    AddControlOptions(options);
  }

  bool CallsGateway() const override { return !no_admin_; }

  ExitCode Run(CommandContext& context) override {
    TrafficPlan plan;
    if (absl::Status status = MakePlan(&plan); !status.ok()) return FailLoad(context, status);
    SoakFindings findings = MakeFindings(plan);
    if (const auto code = ReadBefore(context, &findings)) return *code;

    const LoadTime began = LoadClock::now();
    if (baseline_.count() > 0) {
      findings.baseline.emplace();
      TrafficPlan before = plan;
      LimitPhase(&before, baseline_, 0);
      const absl::Status status = RunPhase(context, before, false, &findings, &*findings.baseline);
      if (!status.ok()) return FailLoad(context, status);
    }
    findings.ran = !findings.interrupted;
    if (findings.ran) {
      const absl::Status status =
          RunPhase(context, plan, !control_.empty(), &findings, &findings.traffic);
      if (!status.ok()) return FailLoad(context, status);
    }
    findings.elapsed = LoadClock::now() - began;
    if (findings.Sum(&LoadResult::connects) == 0 && findings.Errors().total() > 0) {
      return FailToConnect(context, findings.endpoint, findings.Errors());
    }
    ReadAfter(context, &findings);
    Emit(
        context, [&] { return SoakDocument(findings); },
        [&] { PrintSoak(context.out, findings, context.colour); });
    if (!LossesOf(findings).empty()) return ExitCode::kRefused;
    const bool failed = findings.control && findings.control->Unsuccessful() > 0;
    return failed || findings.interrupted ? ExitCode::kPartial : ExitCode::kOk;
  }

 private:
  void AddControlOptions(OptionSet& options) {
    options.Custom(
        "--resize", "LIST",
        [this](const std::string& text) { return ParseSizes(text, &control_.sizes); },
        "Resize the gateway to these numbers of reactors in turn, as in 8,2,5");
    options.Custom(
        "--upgrade", "LIST",
        [this](const std::string& text) { return ParseBinaries(text, &control_.binaries); },
        "Upgrade the gateway to these binaries in turn, absolute paths on its machine");
    options.Time("--every", &control_.every,
                 "Time from the start of one operation to the next (1s)");
    options.Flag("--rebalance", &control_.rebalance, "Rebalance after every fifth resize");
    options.Flag("--move", &control_.move,
                 "After every fifth resize, move all connections of one reactor to another");
    options.Flag("--drain-reactor", &control_.drain_reactor,
                 "After every fifth resize, drain one reactor and undrain it");
    options.Time("--settle", &settle_,
                 "How long the gateway's counters may take to add up at the end (5s)");
    options.Flag("--no-admin", &no_admin_, "Make no admin calls: do not check the counters");
  }

  absl::Status MakePlan(TrafficPlan* plan) const {
    if (churn_clients_ == 0 && held_ == 0) {
      return absl::InvalidArgumentError("--churn-clients and --held are both 0: nothing to do");
    }
    if (no_admin_ && !control_.empty()) {
      return absl::InvalidArgumentError(
          "--no-admin: --resize, --upgrade, --rebalance, --move and --drain-reactor need the "
          "admin API");
    }
    if (churn_clients_ > 0) {
      absl::Status status = common_.CheckThreads(churn_clients_, "--churn-clients");
      if (!status.ok()) return status;
    }
    if (churn_clients_ == 0 && connections_ > 0) {
      return absl::InvalidArgumentError(
          "--connections counts those of --churn-clients, which is 0");
    }
    LoadOptions load;
    load.connections = churn_clients_ + held_;
    if (absl::Status status = common_.Prepare(&load); !status.ok()) return status;
    load.slow_threshold = slow_threshold_;
    load.await_fin = true;
    if (churn_clients_ > 0) {
      plan->churn = load;
      plan->churn->mode = LoadMode::kChurn;
      plan->churn->connections = churn_clients_;
      plan->churn->threads = common_.threads();
      plan->churn->rate = rate_;
    }
    if (held_ > 0) {
      plan->held = load;
      plan->held->connections = held_;
      plan->held->rate =
          static_cast<double>(held_) / std::chrono::duration<double>(held_interval_).count();
      // Bytes of their own: a mix-up with a churn connection must show.
      plan->held->seed = ~load.seed;
    }
    LimitPhase(plan, duration_.value_or(connections_ > 0 ? Duration::zero() : kSoakDuration),
               connections_);
    return absl::OkStatus();
  }

  // The churn sets the end; the held connections only when there is none.
  static void LimitPhase(TrafficPlan* plan, Duration duration, std::uint64_t connections) {
    LoadOptions& first = plan->churn ? *plan->churn : *plan->held;
    first.duration = duration;
    first.messages = connections;
  }

  SoakFindings MakeFindings(const TrafficPlan& plan) const {
    SoakFindings findings;
    findings.endpoint = (plan.churn ? *plan.churn : *plan.held).target.ToString();
    findings.churn_clients = churn_clients_;
    findings.held_connections = held_;
    findings.message_bytes = common_.size();
    findings.slow_threshold = slow_threshold_;
    return findings;
  }

  // The gateway's counters before the first connection; an exit code when the soak cannot start.
  std::optional<ExitCode> ReadBefore(CommandContext& context, SoakFindings* findings) const {
    if (no_admin_) {
      findings->server_note = "not asked (--no-admin)";
      return std::nullopt;
    }
    auto [status, stats] = Call<&Admin::GetStats>(context);
    if (status.ok()) {
      findings->server.emplace();
      findings->server->before = std::move(stats);
      findings->server->start_before = StartTime(context);
      return std::nullopt;
    }
    if (!control_.empty()) return FailRpc(context, status);
    findings->server_note =
        absl::StrCat("not asked: ", DescribeRpcError(status, context.client).message);
    return std::nullopt;
  }

  // Not set if the gateway does not say.
  static google::protobuf::Timestamp StartTime(CommandContext& context) {
    return CallThroughUpgrade<&Admin::GetInfo>(context.client).message.start_time();
  }

  // The counters after the last connection; an error is part of the findings.
  void ReadAfter(CommandContext& context, SoakFindings* findings) const {
    if (!findings->server) return;
    ServerSide& server = *findings->server;
    bool busy = false;
    const grpc::Status status = WaitUntilQuiet(
        context.client, server.before.total().connections_active(), settle_, &server.after, &busy);
    if (!status.ok()) {
      server.after.Clear();
      server.faults = {absl::StrCat("the gateway no longer answers: ",
                                    DescribeRpcError(status, context.client).message)};
      return;
    }
    server.start_after = StartTime(context);
    if (server.WasRestarted()) {
      server.faults = {"the gateway was restarted"};
      return;
    }
    if (busy) {
      findings->server_note =
          " as far as can be told: others use the gateway, and its counters did not settle";
      return;
    }
    server.faults = CheckLedger(server.before, server.after,
                                {.connects = findings->Sum(&LoadResult::connects),
                                 .verified_bytes = findings->Sum(&LoadResult::verified_bytes)});
  }

  absl::Status RunPhase(CommandContext& context, const TrafficPlan& plan, bool control,
                        SoakFindings* findings, TrafficResult* result) const {
    SoakTraffic traffic(plan);
    const auto guard = context.interrupt.Arm([&traffic] { traffic.Interrupt(); });
    if (absl::Status status = traffic.Start(); !status.ok()) return status;
    std::optional<SoakController> controller;
    if (control) {
      controller.emplace(context.client, control_);
      controller->Start();
    }
    Watch(context, traffic, controller ? &*controller : nullptr);
    // The clients run until the current operation has ended.
    if (controller) {
      controller->Stop();
      findings->control = controller->record();
    }
    *result = traffic.Finish();
    findings->interrupted = context.interrupt.requested();
    return absl::OkStatus();
  }

  void Watch(CommandContext& context, SoakTraffic& traffic,
             const SoakController* controller) const {
    std::uint64_t before = 0;
    WatchLoad(
        context, common_.ShowsProgress(context),
        [&](auto timeout) { return traffic.WaitDone(timeout); },
        [&](auto since) {
          const LoadRun::Snapshot churn = traffic.ChurnProgress();
          const LoadRun::Snapshot held = traffic.HeldProgress();
          const std::uint64_t last = std::exchange(before, churn.connects);
          std::string line = absl::StrFormat("%d connections  %s/s  %d held  %d errors",
                                             churn.connects + held.connects,
                                             HumanRate(PerSecond(churn.connects - last, since)),
                                             held.open, churn.errors + held.errors);
          if (controller != nullptr) {
            absl::StrAppend(&line, "  ", controller->succeeded(), " operations  ",
                            controller->unsuccessful(), " failed");
          }
          return line;
        });
  }

  CommonLoadOptions common_;
  ControlPlan control_;
  std::uint64_t churn_clients_ = 16;
  std::uint64_t held_ = 64;
  Duration held_interval_ = std::chrono::milliseconds(100);
  std::optional<Duration> duration_;
  std::uint64_t connections_ = 0;
  double rate_ = 0;
  Duration slow_threshold_ = std::chrono::milliseconds(900);
  Duration baseline_{0};
  Duration settle_ = std::chrono::seconds(5);
  bool no_admin_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeSoakCommand() { return std::make_unique<SoakCommand>(); }

}  // namespace echogw::ctl::load
