// A log sink that records its lines and counts the calls.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/base/log_sink.h"

namespace echogw {

// Any thread.
class RecordingLog final : public LogSink {
 public:
  // Lines below `least` are disabled.
  explicit RecordingLog(LogLevel least = LogLevel::kWarning) : least_(least) {}

  [[nodiscard]] bool Enabled(LogLevel level) const noexcept override { return level >= least_; }

  void Write(LogLevel level, std::string_view line) noexcept override {
    const std::scoped_lock lock(mutex_);
    lines_.emplace_back(level, line);
  }

  [[nodiscard]] std::vector<std::pair<LogLevel, std::string>> lines() const {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }

  // The number of lines that contain `text`.
  [[nodiscard]] std::size_t Count(std::string_view text) const {
    const std::scoped_lock lock(mutex_);
    std::size_t n = 0;
    for (const auto& [level, line] : lines_) n += line.find(text) != std::string::npos ? 1U : 0U;
    return n;
  }

 private:
  const LogLevel least_;
  mutable std::mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> lines_;  // under mutex_
};

}  // namespace echogw
