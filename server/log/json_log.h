// Log lines as JSON, one object a line: {"time": ..., "level": ..., "message": ...}. Used by the
// logging thread alone.
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>
#include <string_view>

namespace echogw::server {

// Appends `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD, so that a
// reader that insists on it does not lose the line.
void AppendJsonString(std::string_view text, std::string& to);

// `time_pattern` is spdlog's.
[[nodiscard]] std::unique_ptr<spdlog::formatter> MakeJsonFormatter(const std::string& time_pattern);

}  // namespace echogw::server
