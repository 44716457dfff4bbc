// echogwctl: wires the process to its command line.
#include <grpc/support/log.h>
#include <langinfo.h>
#include <poll.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/base/interrupt.h"
#include "ctl/cli/cli.h"
#include "ctl/output/units.h"

namespace {

// The reader of our output went away, as `head` does: not an error.
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
  // A closed pipe becomes a failed write, which can be handled.
  std::signal(SIGPIPE, SIG_IGN);
  echogw::ctl::Interrupt interrupt;
  interrupt.Install();
  // gRPC's own lines would break the rule of one line per error; GRPC_VERBOSITY enables them.
  if (Environment("GRPC_VERBOSITY").empty()) gpr_set_log_function([](gpr_log_func_args*) {});

  std::setlocale(LC_CTYPE, "");
  echogw::ctl::UseAsciiUnits(std::string_view(nl_langinfo(CODESET)) != "UTF-8");

  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const bool dumb = Environment("TERM") == "dumb";
  const auto code = echogw::ctl::RunCli(
      std::vector<std::string>(argv + 1, argv + argc), echogw::ctl::MakeCommands(),
      {.out = std::cout,
       .err = std::cerr,
       .interrupt = interrupt,
       .out_is_terminal = terminal,
       .err_is_terminal = isatty(STDERR_FILENO) == 1,
       .dumb_terminal = dumb,
       .colour = terminal && !dumb && Environment("NO_COLOR").empty(),
       .in = &std::cin,
       .in_is_terminal = isatty(STDIN_FILENO) == 1});
  std::cout.flush();
  if (!std::cout && !OutputPipeIsClosed()) {
    std::cerr << "echogwctl: cannot write the output; is the disk full?\n";
    return static_cast<int>(echogw::ctl::ExitCode::kRefused);
  }
  return static_cast<int>(code);
}
