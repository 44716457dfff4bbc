// What socket.cc and inherited_listener.cc share; of no interest to anybody else.
#pragma once

#include "absl/status/status.h"
#include "reactor/socket.h"

namespace echogw {

// The options that accepted connections inherit from their listener. Errors name the option.
[[nodiscard]] absl::Status SetInheritedOptions(int fd, const ListenOptions& options);

}  // namespace echogw
