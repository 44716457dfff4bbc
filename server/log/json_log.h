// Log lines as JSON, {"time": ..., "level": ..., "message": ...}. For the logging thread only.
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>
#include <string_view>

namespace echogw::server {

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string& to);

// `time_pattern` is spdlog's.
[[nodiscard]] std::unique_ptr<spdlog::formatter> MakeJsonFormatter(const std::string& time_pattern);

}  // namespace echogw::server
