// Where a reactor logs. Implementations are called on the reactor's thread and must not block: they
// may drop lines, but must not wait for a disk or terminal.
#pragma once

#include <cstdint>
#include <string_view>

namespace echogw {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

class LogSink {
 public:
  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink() = default;

  // Whether lines at `level` are written; asked before a line is composed. Any thread.
  [[nodiscard]] virtual bool Enabled(LogLevel level) const noexcept = 0;

  // Any thread.
  virtual void Write(LogLevel level, std::string_view line) noexcept = 0;
};

}  // namespace echogw
