// The command line of echogwctl: parses it, runs the verb it names and returns the exit code.
#pragma once

#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "ctl/cli/command.h"
#include "ctl/cli/exit_code.h"
#include "ctl/cli/interrupt.h"

namespace echogw::ctl {

// What a process gives to its command line; tests put their own in its place.
struct CliEnvironment {
  std::ostream& out;
  std::ostream& err;
  Interrupt& interrupt;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool dumb_terminal = false;
  bool colour = false;
  // Null when nobody can be asked.
  std::istream* in = nullptr;
  bool in_is_terminal = false;
};

// `arguments` are those after the program's name. ECHOGW_TARGET is read from the process.
ExitCode RunCli(const std::vector<std::string>& arguments,
                std::vector<std::unique_ptr<Command>> commands, CliEnvironment environment);

}  // namespace echogw::ctl
