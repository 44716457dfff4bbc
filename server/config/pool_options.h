// What the pool is made with, of the configuration and the sockets that were passed.
#pragma once

#include <vector>

#include "reactor/net/inherited_listener.h"
#include "server/config/config_loader.h"
#include "server/pool/options.h"

namespace echogw::server {

// The passed sockets come first, and configured addresses beside them if somebody chose those.
// Where no socket can be added to those that were passed, "auto" means no more reactors than there
// are sockets.
[[nodiscard]] PoolOptions ToPoolOptions(const LoadedConfig& loaded,
                                        const std::vector<InheritedListener>& passed);

}  // namespace echogw::server
