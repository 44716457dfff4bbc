// The address of the admin API on the command line.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace echogw::ctl {

// OK for HOST:PORT, [IPV6]:PORT and unix:PATH; else a sentence that says what to write.
absl::Status CheckTarget(const std::string& target);

}  // namespace echogw::ctl
