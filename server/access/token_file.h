// Reads a file of bearer tokens for a port. Any thread; blocks.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "server/access/token_table.h"

namespace echogw::server {

// Errors name the file. `what` begins the log lines: the number of tokens, and a warning if any
// user of the machine can read them.
[[nodiscard]] absl::StatusOr<TokenTable> LoadTokens(const std::string& path,
                                                    const std::string& what, LogSink& log);

}  // namespace echogw::server
