// stats: one snapshot by GetStats, or a stream of them by WatchStats.
#include <optional>
#include <string>

#include "ctl/cli/commands.h"
#include "ctl/cli/interrupt.h"
#include "ctl/cli/option_set.h"
#include "ctl/cli/watchdog.h"
#include "ctl/gateway/client.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/views/stats_view.h"

namespace echogw::ctl {
namespace {

using admin::v1::GetStatsResponse;

// The bounds that the API puts on WatchStatsRequest.interval.
constexpr Duration kMinInterval = std::chrono::milliseconds(10);
constexpr Duration kMaxInterval = std::chrono::hours(1);

class StatsCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"stats",
            "Totals of the gateway and a row for each reactor",
            "  echogwctl stats\n"
            "  echogwctl stats --watch          # rates, drawn anew every second\n"
            "  echogwctl stats --watch 200ms\n"
            "  echogwctl stats -o json | jq .total.connections_active\n"
            "  echogwctl stats --watch -o json  # one document a line",
            "EVENTS/WAKE is ready events for each return of the poller's wait, BUSY the part of "
            "the time that the loop handled events. The first frame of --watch shows means since "
            "the start, each later one rates over its interval.",
            {{0, "done; a watch was ended by Ctrl-C or by its reader"},
             {3, "nobody answered, not in time, or the gateway went away during the watch"}}};
  }

  void AddOptions(OptionSet& options) override {
    options
        .Time("-w,--watch", &interval_,
              "Go on until Ctrl-C, with rates over each interval (10ms to 1h; 1s if left out)",
              kMinInterval)
        .OptionalValue("1s");
  }

  ExitCode Run(CommandContext& context) override {
    if (!interval_) return Once(context);
    if (*interval_ > kMaxInterval) {
      return Fail(context, ExitCode::kUsage, "--watch: the interval is too long; use at most 1h");
    }
    return Watch(context);
  }

 private:
  static ExitCode Once(CommandContext& context) {
    grpc::ClientContext call;
    context.client.SetDeadline(call);
    GetStatsResponse stats;
    const grpc::Status status = context.client.admin().GetStats(&call, {}, &stats);
    if (!status.ok()) return FailRpc(context, status);
    if (context.format == OutputFormat::kTable) {
      context.out << RenderStats(stats, context.client.target(), context.colour);
    } else {
      EmitDocument(context, ToDocument(stats));
    }
    return ExitCode::kOk;
  }

  ExitCode Watch(CommandContext& context) const {
    grpc::ClientContext call;
    const auto guard = context.interrupt.Arm([&call] { call.TryCancel(); });
    Watchdog watchdog(*interval_ + context.client.timeout(), [&call] { call.TryCancel(); });
    admin::v1::WatchStatsRequest request;
    ToProto(*interval_, request.mutable_interval());
    const auto reader = context.client.admin().WatchStats(&call, request);

    Screen screen(context);
    admin::v1::WatchStatsResponse response;
    std::optional<GetStatsResponse> before;
    while (reader->Read(&response)) {
      watchdog.Feed();
      if (context.format == OutputFormat::kTable) {
        screen.Draw(RenderStatsRates(before ? &*before : nullptr, response.stats(),
                                     context.client.target(), context.colour));
      } else {
        EmitDocument(context, ToDocument(response.stats()), true);
      }
      before = response.stats();
      // Nobody reads any more.
      if (!context.out) call.TryCancel();
    }
    watchdog.Stop();
    const grpc::Status status = reader->Finish();
    if (watchdog.has_bitten() && !context.interrupt.requested() && context.out) {
      return FailRpc(context, {grpc::StatusCode::DEADLINE_EXCEEDED, ""});
    }
    return EndOfStream(context, status);
  }

  std::optional<Duration> interval_;
};

}  // namespace

std::unique_ptr<Command> MakeStatsCommand() { return std::make_unique<StatsCommand>(); }

}  // namespace echogw::ctl
