#include "ctl/commands.h"

#ifdef ECHOGW_HAVE_LOAD
#include "ctl/load/load_commands.h"
#endif

namespace echogw {

std::vector<std::unique_ptr<Command>> MakeCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(MakeStatsCommand());
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
#ifdef ECHOGW_HAVE_LOAD
  commands.push_back(MakeBenchCommand());
#endif
#ifdef ECHOGW_HAVE_SOAK
  commands.push_back(MakeSoakCommand());
#endif
  return commands;
}

}  // namespace echogw
