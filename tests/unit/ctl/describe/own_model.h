// What echogwctl says of its own command line.
#pragma once

#include "ctl/cli/commands.h"
#include "ctl/describe/cli_tree.h"
#include "ctl/describe/model.h"

namespace echogw::ctl {

inline CliModel OwnModel() {
  const auto commands = MakeCommands();
  CliTree tree(commands);
  return DescribeCli(tree.app(), commands);
}

}  // namespace echogw::ctl
