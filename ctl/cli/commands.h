// The factories of all verbs; each is defined in the file of its verb.
#pragma once

#include <memory>
#include <vector>

#include "ctl/cli/command.h"

namespace echogw::ctl {

std::unique_ptr<Command> MakeStatsCommand();
std::unique_ptr<Command> MakeReactorsCommand();
std::unique_ptr<Command> MakeInfoCommand();
std::unique_ptr<Command> MakeHealthCommand();
std::unique_ptr<Command> MakeVersionCommand();
std::unique_ptr<Command> MakeResizeCommand();
std::unique_ptr<Command> MakeMoveCommand();
std::unique_ptr<Command> MakeRebalanceCommand();
std::unique_ptr<Command> MakeSteerCommand();
std::unique_ptr<Command> MakeDrainCommand();
std::unique_ptr<Command> MakeUndrainCommand();
std::unique_ptr<Command> MakeOperationCommand();
std::unique_ptr<Command> MakeConnsCommand();
std::unique_ptr<Command> MakeCloseCommand();
std::unique_ptr<Command> MakeEventsCommand();
std::unique_ptr<Command> MakeLimitsCommand();
std::unique_ptr<Command> MakeLogLevelCommand();
std::unique_ptr<Command> MakeWaitCommand();
std::unique_ptr<Command> MakeCompletionCommand();
std::unique_ptr<Command> MakeManCommand();

// Every verb, in the order of the help.
std::vector<std::unique_ptr<Command>> MakeCommands();

}  // namespace echogw::ctl
