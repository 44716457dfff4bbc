// Which sockets of another process this one serves: its addresses are found by the text that the
// configurations of both have for them. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/pool/handover.h"
#include "server/pool/options.h"

namespace echogw::server {

// As configured, with port 0 where the kernel chooses it.
[[nodiscard]] std::vector<std::string> ConfiguredNames(const std::vector<ListenAddress>& addresses);

// The socket that the slot had for what is here the address of that index; null if there is none.
[[nodiscard]] const SlotSocket* FindTaken(const PoolOptions& options, std::uint32_t slot,
                                          std::size_t address, bool datagrams);

// The listen addresses of another process that `options` do not have.
[[nodiscard]] std::vector<std::string> UnknownAddresses(const PoolOptions& options,
                                                        const PoolSockets& sockets);

}  // namespace echogw::server
