#include "ctl/cli/commands.h"

namespace echogw::ctl {

std::vector<std::unique_ptr<Command>> MakeCommands() {
  std::vector<std::unique_ptr<Command>> commands;
#define VERB(file, Name) commands.push_back(Make##Name##Command());
#define OTHER(part, Name) commands.push_back(part::Make##Name##Command());
#include "ctl/cli/verbs.inc"
#undef VERB
#undef OTHER
  return commands;
}

}  // namespace echogw::ctl
