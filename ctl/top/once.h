// One frame of `top` for scripts and pipes.
#pragma once

#include "ctl/command.h"
#include "ctl/duration.h"

namespace echogw {

// Takes two snapshots, `interval` apart, and writes the frame with the rates between them.
ExitCode RunTopOnce(CommandContext& context, Duration interval);

}  // namespace echogw
