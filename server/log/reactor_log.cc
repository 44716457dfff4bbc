#include "server/log/reactor_log.h"

#include <string>

namespace echogw::server {

void ReactorLog::Write(LogLevel level, std::string_view line) noexcept {
  if (log_.Enabled(level)) log_.Write(level, line);
  // The end of an operation is an event of its own.
  if (level < LogLevel::kWarning || line.starts_with("operation ")) return;
  events_.Add(
      {.severity = level == LogLevel::kError ? EventSeverity::kError : EventSeverity::kWarning,
       .kind = "reactor",
       .actor = "gateway",
       .message = std::string(line)});
}

}  // namespace echogw::server
