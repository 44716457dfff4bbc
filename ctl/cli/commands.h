// The factories of all verbs, each defined in the file of its verb: see verbs.inc.
#pragma once

#include <memory>

#include "ctl/base/command.h"

namespace echogw::ctl {

#define VERB(file, Name) std::unique_ptr<Command> Make##Name##Command();
#define OTHER(part, Name)                         \
  namespace part {                                \
  std::unique_ptr<Command> Make##Name##Command(); \
  }
#include "ctl/cli/verbs.inc"
#undef VERB
#undef OTHER

}  // namespace echogw::ctl
