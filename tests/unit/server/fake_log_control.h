// A log whose levels and counts the test sets, and which remembers what it was asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "server/log/log_control.h"

namespace echogw::server {

struct FakeLogControl final : LogControl {
  [[nodiscard]] LogLevels levels() const override { return now; }
  absl::Status SetLevels(bool console, bool file, const std::string& level) override {
    if (level.starts_with("loud")) {
      return absl::InvalidArgumentError("level: '" + level + "' is not one of them");
    }
    set = std::string(console ? "console " : "") + (file ? "file " : "") + level;
    return absl::OkStatus();
  }
  [[nodiscard]] std::uint64_t lines_dropped() const override {
    if (broken) throw std::runtime_error("broken");
    return dropped;
  }
  [[nodiscard]] std::uint64_t write_errors() const override { return errors; }

  LogLevels now{"info", "debug"};
  std::string set;  // "console file error", or empty
  std::uint64_t dropped = 0;
  std::uint64_t errors = 0;
  std::atomic<bool> broken{false};
};

}  // namespace echogw::server
