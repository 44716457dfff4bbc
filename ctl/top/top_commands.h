// The factory of the verb `top`.
#pragma once

#include <memory>

#include "ctl/command.h"

namespace echogw {

std::unique_ptr<Command> MakeTopCommand();

}  // namespace echogw
