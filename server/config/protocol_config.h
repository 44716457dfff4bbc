// What a listen address serves, and the configuration keys of all services beside echo. Any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config_keys.h"

namespace echogw::server {

// "[WORD+WORD...@]HOST:PORT", as ParseHostPort, or "[WORD+WORD...@]unix:PATH". Words: a mode (echo,
// discard, chargen, banner), tls, and proxy or proxy-optional for addresses that a proxy connects
// to.
[[nodiscard]] absl::StatusOr<ListenAddress> ParseListen(const std::string& text);

[[nodiscard]] std::vector<ConfigKey> ProtocolKeys();

// What only all keys together show.
[[nodiscard]] absl::Status CheckProtocols(const Config& config);

}  // namespace echogw::server
