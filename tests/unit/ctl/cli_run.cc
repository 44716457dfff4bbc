#include "tests/unit/ctl/cli_run.h"

#include <sstream>
#include <utility>

#include "ctl/cli/cli.h"

namespace echogw::ctl {

CliRun RunWith(std::vector<std::string> arguments, CliTerminal terminal, Interrupt* interrupt) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in(terminal.typed);
  Interrupt own;
  const ExitCode code = RunCli(arguments, MakeCommands(),
                               {.out = out,
                                .err = err,
                                .interrupt = interrupt == nullptr ? own : *interrupt,
                                .out_is_terminal = terminal.out,
                                .err_is_terminal = terminal.err,
                                .dumb_terminal = terminal.dumb,
                                .colour = terminal.colour,
                                .in = &in,
                                .in_is_terminal = terminal.in});
  return {static_cast<int>(code), out.str(), err.str()};
}

CliRun RunAt(const std::string& target, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--target", target});
  return RunWith(std::move(arguments), {}, nullptr);
}

CliRun RunNowhere(std::vector<std::string> arguments) {
  return RunWith(std::move(arguments), {}, nullptr);
}

}  // namespace echogw::ctl
