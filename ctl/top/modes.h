// The two modes of `top`.
#pragma once

#include "ctl/base/command.h"
#include "ctl/base/duration.h"

namespace echogw::ctl::top {

// On the terminal, until the operator quits, SIGINT, SIGTERM or the end of the terminal, which is
// then restored.
ExitCode RunTopLive(CommandContext& context, Duration interval);

// For scripts: takes two snapshots, `interval` apart, and prints one frame with the rates between
// them.
ExitCode RunTopOnce(CommandContext& context, Duration interval);

}  // namespace echogw::ctl::top
