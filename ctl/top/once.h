// One frame of `top` for scripts and pipes.
#pragma once

#include "ctl/cli/command.h"
#include "ctl/cli/duration.h"

namespace echogw::ctl::top {

// Takes two snapshots, `interval` apart, and writes the frame with the rates between them.
ExitCode RunTopOnce(CommandContext& context, Duration interval);

}  // namespace echogw::ctl::top
