// The factories of the verbs that load an echo endpoint from the client's side.
#pragma once

#include <memory>

#include "ctl/cli/command.h"

namespace echogw::ctl::load {

// `bench HOST:PORT`: throughput and latency.
std::unique_ptr<Command> MakeBenchCommand();

// `soak HOST:PORT`: proof that nothing is lost while the gateway changes.
std::unique_ptr<Command> MakeSoakCommand();

}  // namespace echogw::ctl::load
