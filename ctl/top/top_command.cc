// top: a full screen that shows and controls the running gateway.
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/gateway/call.h"
#include "ctl/output/proto_document.h"
#include "ctl/top/admin_caller.h"
#include "ctl/top/draw.h"
#include "ctl/top/feed.h"
#include "ctl/top/inbox.h"
#include "ctl/top/terminal.h"
#include "ctl/top/ui.h"

namespace echogw::ctl::top {
namespace {

// The bounds that the API puts on WatchStatsRequest.interval.
constexpr Duration kMinInterval = std::chrono::milliseconds(10);
constexpr Duration kMaxInterval = std::chrono::hours(1);

// Ages are shown in seconds.
constexpr int kTickMilliseconds = 1000;

// Waits for input or a message. False when the terminal is gone.
bool WaitForInput(const TopInbox& inbox) {
  std::array<pollfd, 2> fds = {{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                {.fd = inbox.fd(), .events = POLLIN, .revents = 0}}};
  // Interrupted by a signal is as good as woken.
  poll(fds.data(), fds.size(), kTickMilliseconds);
  return (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

// On the terminal, until the operator quits, a signal, or the end of the terminal.
ExitCode RunTopLive(CommandContext& context, Duration interval) {
  TopInbox inbox;
  if (!inbox.ok())
    return Fail(context, ExitCode::kRefused, "out of file descriptors; raise ulimit -n");
  const auto guard = context.interrupt.Arm([&inbox] { inbox.Wake(); });
  const bool utf8 = AdoptLocale();
  auto terminal = TopTerminal::Open(inbox, context.colour, utf8);
  if (!terminal.ok()) {
    return Fail(context, ExitCode::kUsage,
                std::string(terminal.status().message()) +
                    "; set TERM correctly, or use 'echogwctl top --once'");
  }
  StatsFeed feed(context.client, inbox, interval);
  AdminCaller caller(context.client, inbox);
  // Destroyed first, so that the terminal is restored before the calls have ended.
  const std::unique_ptr<TopTerminal> screen = *std::move(terminal);

  TopUi ui(context.client.target(), interval);
  while (!ui.done() && !context.interrupt.requested()) {
    for (TopMessage& message : inbox.Take()) ui.Receive(std::move(message), TopClock::now());
    while (const std::optional<Key> key = screen->ReadKey()) ui.Press(*key, TopClock::now());
    ui.Tick(TopClock::now());
    for (TopRequest& request : ui.TakeRequests()) caller.Send(std::move(request));
    CellGrid grid = screen->MakeGrid();
    ui.Draw(grid, TopClock::now());
    screen->Show(grid);
    if (!ui.done() && !WaitForInput(inbox)) break;
  }
  return ExitCode::kOk;
}

// A frame with rates needs two snapshots.
constexpr int kNeeded = 2;

int FrameWidth(const CommandContext& context) {
  winsize size{};
  if (!context.out_is_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
    return kLeastWidth;
  }
  return std::max<int>(size.ws_col, kLeastWidth);
}

// For scripts: prints one frame with the rates between two snapshots, `interval` apart.
ExitCode RunTopOnce(CommandContext& context, Duration interval) {
  admin::v1::WatchStatsRequest request;
  ToProto(interval, request.mutable_interval());
  TopUi ui(context.client.target(), interval);
  {
    Stream<&Admin::WatchStats> stream(context, request, interval + context.client.timeout());
    admin::v1::WatchStatsResponse response;
    int snapshots = 0;
    for (; snapshots < kNeeded && stream.Read(response); ++snapshots) {
      ui.Receive(response.stats(), TopClock::now());
    }
    if (snapshots == kNeeded) stream.Cancel();
    const grpc::Status status = stream.Finish();
    if (snapshots < kNeeded) {
      if (context.interrupt.requested()) {
        return Fail(context, ExitCode::kPartial, "interrupted before the end of the interval");
      }
      if (!status.ok()) return FailRpc(context, status);
      return Fail(
          context, ExitCode::kUnreachable,
          absl::StrCat(context.client.target(), " ended the stream; the gateway is stopping"));
    }
  }
  // Only the version comes from it.
  const auto info = Call<&Admin::GetInfo>(context);
  if (info.status.ok()) ui.Receive(info.message, TopClock::now());
  TopState state = ui.state();
  context.out << DrawPlain(state, FrameWidth(context)).Text(AdoptLocale()) << std::flush;
  return ExitCode::kOk;
}

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
