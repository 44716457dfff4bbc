// The command line of echogwctl: parses it, runs the verb it names and returns the exit code.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ctl/base/command.h"
#include "ctl/base/exit_code.h"
#include "ctl/base/interrupt.h"

namespace echogw::ctl {

// Every verb, in the order of the help.
std::vector<std::unique_ptr<Command>> MakeCommands();

// `arguments` are those after the program's name. ECHOGW_TARGET is read from the process.
ExitCode RunCli(const std::vector<std::string>& arguments,
                std::vector<std::unique_ptr<Command>> commands, CliEnvironment environment);

}  // namespace echogw::ctl
