// top: a full screen that shows and controls the running gateway.
#include <unistd.h>

#include <chrono>

#include "ctl/cli/commands.h"
#include "ctl/describe/option_set.h"
#include "ctl/top/modes.h"

namespace echogw::ctl::top {
namespace {

// The bounds that the API puts on WatchStatsRequest.interval.
constexpr Duration kMinInterval = std::chrono::milliseconds(10);
constexpr Duration kMaxInterval = std::chrono::hours(1);

class TopCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"top",
            "Watch and control the gateway on a full screen",
            "  echogwctl top                    # h shows the keys, q quits\n"
            "  echogwctl top --interval 200ms\n"
            "  echogwctl top --once             # one frame as text, for scripts",
            "Shows totals with their history and a row for each reactor: LOAD is the share of time "
            "that its loop handled events, EV/WK the ready events per return of the poller's wait, "
            "QUEUE the connections waiting to be accepted and their limit, WGT its share of new "
            "connections. Arrows select, < and > sort, Enter lists the connections of a reactor, e "
            "the events.\n\n"
            "d drains the reactor, u undrains it, + - and R resize, b rebalances, D drains the "
            "gateway, x and X close a connection. All but u and b ask for confirmation. The bottom "
            "line follows the last operation, which continues after q.\n\n"
            "When the gateway is lost, the last figures stay on the screen with their age, and top "
            "reconnects. The terminal needs 80 columns and 24 lines.",
            {{0, "quit by a key, SIGINT or SIGTERM; with --once, the frame was written"},
             {2, "invalid usage, or no terminal to draw on"},
             {3, "with --once: no response in time, or the gateway went away"},
             {4, "with --once: stopped before the interval was over"}}};
  }

  void AddOptions(OptionSet& options) override {
    options.Time("-i,--interval", &interval_, "Time between two snapshots, 10ms to 1h (1s)",
                 kMinInterval);
    options.Flag("--once", &once_, "Print one frame over one interval and exit; needs no terminal");
  }

  ExitCode Run(CommandContext& context) override {
    if (interval_ > kMaxInterval) {
      return Fail(context, ExitCode::kUsage, "--interval: too long; use at most 1h");
    }
    if (context.format != OutputFormat::kTable) {
      return Fail(context, ExitCode::kUsage,
                  "top has no such output; use 'echogwctl stats --watch -o json'");
    }
    if (once_) return RunTopOnce(context, interval_);
    if (!context.out_is_terminal || isatty(STDIN_FILENO) != 1) {
      return Fail(context, ExitCode::kUsage,
                  "top needs a terminal for input and output; elsewhere use 'echogwctl top --once' "
                  "or 'echogwctl stats'");
    }
    return RunTopLive(context, interval_);
  }

 private:
  Duration interval_ = std::chrono::seconds(1);
  bool once_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeTopCommand() { return std::make_unique<TopCommand>(); }

}  // namespace echogw::ctl::top
