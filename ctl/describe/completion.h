// Completion scripts for shells, written from the description of the command line. Each script
// stands alone: it asks neither echogwctl nor the gateway when Tab is pressed. Pure functions.
#pragma once

#include <string>

#include "ctl/describe/model.h"

namespace echogw::ctl {

// For bash 3.2 and newer; needs no bash-completion package.
std::string BashCompletion(const CliModel& model);
// For an `fpath` folder, as the file _echogwctl, or to be read in by `source`.
std::string ZshCompletion(const CliModel& model);
std::string FishCompletion(const CliModel& model);

}  // namespace echogw::ctl
