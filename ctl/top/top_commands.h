// The factory of the verb `top`.
#pragma once

#include <memory>

#include "ctl/cli/command.h"

namespace echogw::ctl::top {

std::unique_ptr<Command> MakeTopCommand();

}  // namespace echogw::ctl::top
