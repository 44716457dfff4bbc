// The log of the process: standard error and optionally a rotating file, each at its own level,
// written by one thread. Owned by the gateway: created first, destroyed last. Any thread may write
// and never blocks: when the queue is full, the oldest lines are dropped and counted. A file that
// cannot be opened is an error of Create; later write errors are counted. Each call writes one
// line: what could break or hide one is escaped, and a line that is too long is cut.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "server/log/log_control.h"

namespace spdlog::sinks {
class sink;
}  // namespace spdlog::sinks

namespace echogw::server {

// The minimum level of the lines that a destination takes.
enum class LogThreshold : std::uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kOff };
inline constexpr auto kLogThresholdNames =
    std::to_array<const char*>({"trace", "debug", "info", "warn", "error", "off"});

// The format of lines, on the console and in the file.
enum class LogFormat : std::uint8_t {
  kText,  // 2024-05-06T07:08:09.123+00:00 info what happened
  kJson,  // {"time":"2024-05-06T07:08:09.123+00:00","level":"info","message":"what happened"}
};
inline constexpr auto kLogFormatNames = std::to_array<const char*>({"text", "json"});

struct LogOptions {
  LogFormat format = LogFormat::kText;
  LogThreshold console = LogThreshold::kInfo;
  std::string file;  // empty: none
  LogThreshold file_level = LogThreshold::kDebug;
  std::size_t file_max_bytes = std::size_t{16} * 1024 * 1024;
  std::size_t file_count = 5;  // rotated files that are kept beside the current one
};

class Logging final : public LogSink, public LogControl {
 public:
  // Bytes of a line.
  static constexpr std::size_t kLineMax = 8192;
  // Lines queued for the disk or the terminal; about 0.4 MB.
  static constexpr std::size_t kQueueLines = 1024;

  // Starts the thread. Fails if the file cannot be opened, before the thread starts.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Logging>> Create(const LogOptions& options);

  // With other destinations, for tests.
  Logging(const std::vector<std::shared_ptr<spdlog::sinks::sink>>& sinks, std::size_t queue_lines,
          LogFormat format = LogFormat::kText);
  // Flushes the queue, without a time limit; Close() has one.
  ~Logging() override;

  [[nodiscard]] bool Enabled(LogLevel level) const noexcept override;
  void Write(LogLevel level, std::string_view line) noexcept override;

  [[nodiscard]] std::uint64_t lines_dropped() const override;
  [[nodiscard]] std::uint64_t write_errors() const override;
  [[nodiscard]] LogLevels levels() const override;
  [[nodiscard]] absl::Status SetLevels(bool console, bool file, const std::string& level) override;

  // Flushes the queue and ends the thread. False if that takes longer than `limit`: a destination
  // blocks, and the process should end without waiting for it. No other thread may use the log from
  // here on; later lines are lost.
  [[nodiscard]] bool Close(std::chrono::milliseconds limit);

  // Opens the file again by its name, after something else has renamed it. FailedPrecondition if
  // there is no file; if it cannot be opened, lines go on to the one that is open.
  [[nodiscard]] absl::Status Reopen();

 private:
  struct Impl;
  void FollowSinks();
  std::unique_ptr<Impl> impl_;
};

}  // namespace echogw::server
