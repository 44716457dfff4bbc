// echogwctl: wires the process to its command line.
#include <grpc/support/log.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/cli/cli.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/interrupt.h"

namespace {

// The reader of our output went away, as `head` does: no fault of anybody.
bool OutputPipeIsClosed() {
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int main(int argc, char** argv) {
  // A closed pipe shows as a failed write, at a place that can handle it.
  std::signal(SIGPIPE, SIG_IGN);
  echogw::ctl::Interrupt interrupt;
  interrupt.Install();
  // gRPC's own lines would break the rule of one line per error; GRPC_VERBOSITY brings them back.
  if (Environment("GRPC_VERBOSITY").empty()) gpr_set_log_function([](gpr_log_func_args*) {});

  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const bool colour = terminal && Environment("NO_COLOR").empty() && Environment("TERM") != "dumb";
  const auto code = echogw::ctl::RunCli(std::vector<std::string>(argv + 1, argv + argc),
                                        echogw::ctl::MakeCommands(),
                                        {.out = std::cout,
                                         .err = std::cerr,
                                         .interrupt = interrupt,
                                         .out_is_terminal = terminal,
                                         .err_is_terminal = isatty(STDERR_FILENO) == 1,
                                         .colour = colour,
                                         .in = &std::cin,
                                         .in_is_terminal = isatty(STDIN_FILENO) == 1});
  std::cout.flush();
  if (!std::cout && !OutputPipeIsClosed()) {
    std::cerr << "echogwctl: cannot write the output; is the disk full?\n";
    return static_cast<int>(echogw::ctl::ExitCode::kRefused);
  }
  return static_cast<int>(code);
}
