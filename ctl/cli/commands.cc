#include "ctl/cli/commands.h"

#include "ctl/load/load_commands.h"
#include "ctl/top/top_commands.h"

namespace echogw::ctl {

std::vector<std::unique_ptr<Command>> MakeCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(MakeStatsCommand());
  commands.push_back(top::MakeTopCommand());
  commands.push_back(MakeReactorsCommand());
  commands.push_back(MakeInfoCommand());
  commands.push_back(MakeHealthCommand());
  commands.push_back(MakeVersionCommand());
  commands.push_back(MakeResizeCommand());
  commands.push_back(MakeMoveCommand());
  commands.push_back(MakeRebalanceCommand());
  commands.push_back(MakeSteerCommand());
  commands.push_back(MakeDrainCommand());
  commands.push_back(MakeUndrainCommand());
  commands.push_back(MakeOperationCommand());
  commands.push_back(MakeConnsCommand());
  commands.push_back(MakeCloseCommand());
  commands.push_back(MakeEventsCommand());
  commands.push_back(MakeLimitsCommand());
  commands.push_back(MakeLogLevelCommand());
  commands.push_back(MakeWaitCommand());
  commands.push_back(load::MakeBenchCommand());
  commands.push_back(load::MakeSoakCommand());
  commands.push_back(MakeCompletionCommand());
  commands.push_back(MakeManCommand());
  return commands;
}

}  // namespace echogw::ctl
