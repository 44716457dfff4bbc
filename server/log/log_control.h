// What operators see and set of the log. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace echogw::server {

struct LogLevels {
  std::string console;
  std::string file;  // empty: no log file
};

class LogControl {
 public:
  LogControl() = default;
  LogControl(const LogControl&) = delete;
  LogControl& operator=(const LogControl&) = delete;
  virtual ~LogControl() = default;

  [[nodiscard]] virtual LogLevels levels() const = 0;
  // Of either destination or both. InvalidArgument for an unknown level, FailedPrecondition for the
  // file alone when there is none.
  virtual absl::Status SetLevels(bool console, bool file, const std::string& level) = 0;

  // Lines lost because the queue was full, and lines that a destination failed to write.
  [[nodiscard]] virtual std::uint64_t lines_dropped() const = 0;
  [[nodiscard]] virtual std::uint64_t write_errors() const = 0;
};

}  // namespace echogw::server
