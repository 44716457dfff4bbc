#include <poll.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ctl/base/interrupt.h"
#include "ctl/gateway/client.h"
#include "ctl/top/admin_caller.h"
#include "ctl/top/feed.h"
#include "ctl/top/inbox.h"
#include "ctl/top/modes.h"
#include "ctl/top/terminal.h"
#include "ctl/top/ui.h"

namespace echogw::ctl::top {
namespace {

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

}  // namespace

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

}  // namespace echogw::ctl::top
