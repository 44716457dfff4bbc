// The loop of `top` on a terminal.
#pragma once

#include "ctl/cli/command.h"
#include "ctl/cli/duration.h"

namespace echogw::ctl::top {

// Until the operator leaves, SIGINT, SIGTERM or the end of the terminal. The terminal is then as it
// was before.
ExitCode RunTopLive(CommandContext& context, Duration interval);

}  // namespace echogw::ctl::top
