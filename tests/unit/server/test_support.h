// What several tests need: a log that counts, and waiting for a condition.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "reactor/base/log_sink.h"

namespace echogw::server {

// Keeps every line. Any thread.
class RecordingLog final : public LogSink {
 public:
  [[nodiscard]] bool Enabled(LogLevel /*level*/) const noexcept override { return true; }
  void Write(LogLevel /*level*/, std::string_view line) noexcept override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// Whether `condition` became true before a deadline that only a broken test reaches.
inline bool Eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace echogw::server
