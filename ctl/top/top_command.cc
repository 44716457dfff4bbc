// top: a full screen that shows the gateway as it runs, and acts on it.
#include <unistd.h>

#include <chrono>

#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/top/live.h"
#include "ctl/top/once.h"

namespace echogw::ctl::top {
namespace {

// The bounds that the API puts on WatchStatsRequest.interval.
constexpr Duration kMinInterval = std::chrono::milliseconds(10);
constexpr Duration kMaxInterval = std::chrono::hours(1);

class TopCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"top",
            "Watch and steer the gateway on a full screen",
            "  echogwctl top                    # h shows the keys, q quits\n"
            "  echogwctl top --interval 200ms\n"
            "  echogwctl top --once             # one frame as text, for scripts",
            "Shows totals with their history and a row for each reactor: LOAD is the part of the "
            "time that its loop handled events, EV/WK the ready events for each return of the "
            "poller's wait, QUEUE the connections that wait to be accepted and their limit, WGT "
            "its share of new connections. Arrows select, < and > sort, Enter opens the "
            "connections of a reactor, e shows what was done to the gateway.\n\n"
            "d drains the reactor, u takes it back, + - and R resize, b rebalances, D drains the "
            "gateway, x and X close a connection. Each asks before it acts, but for u and b. The "
            "operation that was begun last is followed at the bottom; it goes on after q.\n\n"
            "When the gateway is lost the last figures stay with their age, and it is tried again "
            "until it is back. The terminal needs 80 columns and 24 lines.",
            {{0, "quit by a key, SIGINT or SIGTERM; with --once, the frame was written"},
             {2, "invalid usage, or there is no terminal to draw on"},
             {3, "with --once: no response in time, or the gateway went away"},
             {4, "with --once: stopped before the interval was over"}}};
  }

  void AddOptions(OptionSet& options) override {
    options.Time("-i,--interval", &interval_, "Time between two snapshots, 10ms to 1h (1s)",
                 kMinInterval);
    options.Flag("--once", &once_, "Write one frame over one interval and end; needs no terminal");
  }

  ExitCode Run(CommandContext& context) override {
    if (interval_ > kMaxInterval) {
      return Fail(context, ExitCode::kUsage, "--interval: it is too long; use at most 1h");
    }
    if (context.format != OutputFormat::kTable) {
      return Fail(context, ExitCode::kUsage,
                  "top is for people; for programs use 'echogwctl stats --watch -o json'");
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
