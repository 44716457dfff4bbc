// bench --udp: a load of datagrams, watched and reported. The thread of the command.
#pragma once

#include <string>

#include "ctl/command.h"
#include "ctl/load/udp_load.h"

namespace echogw {

// Runs the load to its end or to Ctrl-C and prints the report. Refused when a datagram was lost,
// altered or answered twice; unreachable when nobody listens.
[[nodiscard]] ExitCode RunUdpBench(CommandContext& context, const UdpLoadOptions& options,
                                   bool progress);

}  // namespace echogw
