// The log as reactors see it: their warnings and errors become events as well. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "reactor/base/log_sink.h"
#include "server/log/event_log.h"

namespace echogw::server {

class ReactorLog final : public LogSink {
 public:
  ReactorLog(LogSink& log, EventLog& events) : log_(log), events_(events) {}

  [[nodiscard]] bool Enabled(LogLevel level) const noexcept override {
    return level >= LogLevel::kWarning || log_.Enabled(level);
  }
  void Write(LogLevel level, std::string_view line) noexcept override {
    if (log_.Enabled(level)) log_.Write(level, line);
    // The end of an operation is an event of its own.
    if (level < LogLevel::kWarning || line.starts_with("operation ")) return;
    events_.Add(
        {.severity = level == LogLevel::kError ? EventSeverity::kError : EventSeverity::kWarning,
         .kind = "reactor",
         .actor = "gateway",
         .message = std::string(line)});
  }

 private:
  LogSink& log_;
  EventLog& events_;
};

}  // namespace echogw::server
