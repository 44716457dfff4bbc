// top: a full screen that shows the gateway as it runs, and acts on it.
#include <unistd.h>

#include <chrono>

#include "ctl/option_set.h"
#include "ctl/top/live.h"
#include "ctl/top/once.h"
#include "ctl/top/top_commands.h"

namespace echogw {
namespace {

// The bounds that the API puts on WatchStatsRequest.interval.
constexpr Duration kMinInterval = std::chrono::milliseconds(10);
constexpr Duration kMaxInterval = std::chrono::hours(1);

class TopCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"top", "Watch and steer the gateway on a full screen",
            "  echogwctl top                    # h shows the keys, q quits\n"
            "  echogwctl top --interval 200ms\n"
            "  echogwctl top --once             # one frame as text, for scripts"};
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

}  // namespace echogw
