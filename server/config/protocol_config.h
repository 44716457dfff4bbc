// What a listen address serves. Pure functions; any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace echogw::server {

// "[WORD+WORD...@]HOST:PORT", as ParseHostPort, or "[WORD+WORD...@]unix:PATH". Words: a mode (echo,
// discard, chargen, banner), tls, and proxy or proxy-optional for addresses that a proxy connects
// to.
[[nodiscard]] absl::StatusOr<ListenAddress> ParseListen(const std::string& text);

// Refuses keys that do not work together.
[[nodiscard]] absl::Status CheckProtocols(const Config& config);

}  // namespace echogw::server
