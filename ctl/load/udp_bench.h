// bench --udp: a load of datagrams, watched and reported. The thread of the command.
#pragma once

#include <string>

#include "ctl/cli/command.h"
#include "ctl/engine/udp_load.h"

namespace echogw::ctl::load {

// Runs the load to its end or to Ctrl-C and prints the report. Refused when a datagram was lost,
// altered or answered twice; unreachable when nobody listens.
[[nodiscard]] ExitCode RunUdpBench(CommandContext& context, const UdpLoadOptions& options,
                                   bool progress);

}  // namespace echogw::ctl::load
