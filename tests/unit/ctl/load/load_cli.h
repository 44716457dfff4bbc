// Runs `echogwctl bench ...` or `soak ...` in this process and keeps what it wrote.
#pragma once

#include <string>
#include <vector>

#include "ctl/base/interrupt.h"

namespace echogw::ctl::load {

struct LoadCliResult {
  int code = -1;
  std::string out;
  std::string err;
};

// `interrupt` may be null.
LoadCliResult RunLoadCli(const std::vector<std::string>& arguments, Interrupt* interrupt = nullptr);

}  // namespace echogw::ctl::load
