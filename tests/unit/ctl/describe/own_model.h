// What echogwctl says of its own command line.
#pragma once

#include "ctl/cli/cli.h"
#include "ctl/cli/cli_tree.h"

namespace echogw::ctl {

inline CliModel OwnModel() {
  const auto commands = MakeCommands();
  return CliTree(commands).Describe();
}

}  // namespace echogw::ctl
