// The configuration keys of the limits as they are at first; echogwctl changes them later.
// Constant; any thread.
#pragma once

#include <vector>

#include "server/config_keys.h"

namespace echogw {

[[nodiscard]] std::vector<ConfigKey> LimitKeys();

}  // namespace echogw
