// stats: one snapshot by GetStats, or a stream of them by WatchStats.
#include "ctl/verbs/verb.h"
#include "ctl/views/stats_view.h"

namespace echogw::ctl {
namespace {

// The bounds that the API puts on WatchStatsRequest.interval.
constexpr Duration kMinInterval = std::chrono::milliseconds(10);
constexpr Duration kMaxInterval = std::chrono::hours(1);

class StatsCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"stats",
            "Show totals of the gateway and a row per reactor",
            "  echogwctl stats\n"
            "  echogwctl stats --watch          # rates, redrawn every second\n"
            "  echogwctl stats --watch 200ms\n"
            "  echogwctl stats -o json | jq .total.connections_active\n"
            "  echogwctl stats --watch -o json  # one document per line",
            "EVENTS/WAKE is the number of ready events per return of the poller's wait, BUSY the "
            "share of time the loop handled events. The first frame of --watch shows averages "
            "since the start, each later one rates over its interval.",
            {{0, "done; a watch was ended by Ctrl-C or its reader"},
             {3, "no response in time, or the gateway went away during the watch"}}};
  }

  void AddOptions(OptionSet& options) override {
    options
        .Time("-w,--watch", &interval_,
              "Repeat until Ctrl-C, with rates per interval (10ms to 1h; 1s if omitted)",
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
    return CallAndEmit<&Admin::GetStats>(context, {}, [&](const auto& stats) {
      context.out << RenderStats(stats, context.client.target(), context.colour);
    });
  }

  ExitCode Watch(CommandContext& context) const {
    admin::v1::WatchStatsRequest request;
    ToProto(*interval_, request.mutable_interval());
    Stream<&Admin::WatchStats> stream(context, request, *interval_ + context.client.timeout());
    Screen screen(context);
    admin::v1::WatchStatsResponse response;
    std::optional<admin::v1::GetStatsResponse> before;
    std::uint64_t upgrades = 0;
    do {
      while (stream.Read(response)) {
        const auto draw = [&] {
          screen.Draw(RenderStatsRates(before ? &*before : nullptr, response.stats(),
                                       context.client.target(), context.colour));
        };
        Emit(context, response.stats(), draw, true);
        before = response.stats();
        upgrades = before->upgrades();
      }
    } while (before && stream.Resume(request, upgrades));
    return stream.End();
  }

  std::optional<Duration> interval_;
};

}  // namespace

std::unique_ptr<Command> MakeStatsCommand() { return std::make_unique<StatsCommand>(); }

}  // namespace echogw::ctl
