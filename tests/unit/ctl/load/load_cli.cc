#include "tests/unit/ctl/load/load_cli.h"

#include <memory>
#include <sstream>
#include <utility>

#include "ctl/cli/cli.h"
#include "ctl/cli/commands.h"

namespace echogw::ctl::load {

LoadCliResult RunLoadCli(const std::vector<std::string>& arguments, Interrupt* interrupt) {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(MakeBenchCommand());
  commands.push_back(MakeSoakCommand());
  std::ostringstream out;
  std::ostringstream err;
  Interrupt own;
  const ExitCode code =
      RunCli(arguments, std::move(commands),
             {.out = out, .err = err, .interrupt = interrupt == nullptr ? own : *interrupt});
  return {static_cast<int>(code), out.str(), err.str()};
}

}  // namespace echogw::ctl::load
