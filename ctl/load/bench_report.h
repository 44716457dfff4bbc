// What bench writes about a load over TCP or UDP. Pure but for the stream of the context.
#pragma once

#include <string>

#include "ctl/base/command.h"
#include "ctl/engine/options.h"
#include "ctl/engine/result.h"

namespace echogw::ctl::load {

// `target` as the user wrote it.
void ReportBench(CommandContext& context, const std::string& target, const LoadOptions& load,
                 const LoadResult& result);
void ReportUdpBench(CommandContext& context, const UdpLoadOptions& load,
                    const UdpLoadResult& result);

}  // namespace echogw::ctl::load
