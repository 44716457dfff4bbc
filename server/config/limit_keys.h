// The configuration keys of the limits as they are at first; echogwctl changes them later.
// Constant; any thread.
#pragma once

#include <vector>

#include "server/config/config_keys.h"

namespace echogw::server {

[[nodiscard]] std::vector<ConfigKey> LimitKeys();

}  // namespace echogw::server
