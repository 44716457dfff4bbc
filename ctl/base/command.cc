#include "ctl/base/command.h"

#include <algorithm>

#include "ctl/base/printable.h"

namespace echogw::ctl {

ExitCode Fail(CommandContext& context, ExitCode code, std::string_view message) {
  // One line whatever a server put into it.
  std::string line(message);
  std::replace(line.begin(), line.end(), '\n', ' ');
  context.err << "echogwctl: " << Printable(line) << '\n' << std::flush;
  return code;
}

}  // namespace echogw::ctl
