#include "server/log/logging.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/plain_text.h"
#include "server/log/json_log.h"

namespace echogw::server {
namespace {

constexpr const char* kTimePattern = "%Y-%m-%dT%H:%M:%S.%e%z";

// In the order of LogThreshold.
constexpr auto kSpdlogLevels = std::to_array<spdlog::level::level_enum>(
    {spdlog::level::trace, spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
     spdlog::level::err, spdlog::level::off});

spdlog::level::level_enum ToSpdlog(LogThreshold threshold) {
  return kSpdlogLevels[static_cast<std::size_t>(threshold)];
}

const char* NameOf(spdlog::level::level_enum level) {
  const auto* found = std::find(kSpdlogLevels.begin(), kSpdlogLevels.end(), level);
  return kLogThresholdNames.at(static_cast<std::size_t>(found - kSpdlogLevels.begin()));
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

spdlog::sink_ptr ConsoleSink(LogThreshold threshold) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') sink->set_color_mode(spdlog::color_mode::never);
  sink->set_level(ToSpdlog(threshold));
  return sink;
}

using RotatingFile = spdlog::sinks::rotating_file_sink_st;

// spdlog reports a file that it cannot open by an exception; this is where it ends.
absl::StatusOr<std::unique_ptr<RotatingFile>> OpenFile(const LogOptions& options) {
  try {
    return std::make_unique<RotatingFile>(options.file, options.file_max_bytes, options.file_count);
  } catch (const spdlog::spdlog_ex& error) {
    return absl::UnavailableError(absl::StrCat("log-file: ", error.what()));
  }
}

// A rotating file that can be replaced by one opened again. Any thread.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  FileSink(LogOptions options, std::unique_ptr<RotatingFile> file)
      : options_(std::move(options)), file_(std::move(file)) {
    set_level(ToSpdlog(options_.file_level));
  }

  absl::Status Reopen() {
    auto file = OpenFile(options_);
    if (!file.ok()) return file.status();
    const std::lock_guard lock(mutex_);
    (*file)->set_formatter(formatter_->clone());
    file_ = *std::move(file);
    return absl::OkStatus();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override { file_->log(message); }
  void flush_() override { file_->flush(); }
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
    file_->set_formatter(formatter->clone());
    formatter_ = std::move(formatter);
  }

 private:
  const LogOptions options_;
  std::unique_ptr<RotatingFile> file_;  // under mutex_
};

}  // namespace

struct Logging::Impl {
  LogFormat format = LogFormat::kText;
  // Writer: the logging thread. Readers: any thread; it is a number and nothing else hangs on it.
  std::atomic<std::uint64_t> write_errors{0};
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

absl::StatusOr<std::unique_ptr<Logging>> Logging::Create(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks = {ConsoleSink(options.console)};
  if (!options.file.empty()) {
    auto file = OpenFile(options);
    if (!file.ok()) return file.status();
    sinks.push_back(std::make_shared<FileSink>(options, *std::move(file)));
  }
  return std::make_unique<Logging>(sinks, kQueueLines, options.format);
}

Logging::Logging(const std::vector<std::shared_ptr<spdlog::sinks::sink>>& sinks,
                 std::size_t queue_lines, LogFormat format)
    : impl_(std::make_unique<Impl>()) {
  impl_->format = format;
  impl_->pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1U);
  impl_->logger =
      std::make_shared<spdlog::async_logger>("echogw", sinks.begin(), sinks.end(), impl_->pool,
                                             spdlog::async_overflow_policy::overrun_oldest);
  FollowSinks();
  if (format == LogFormat::kJson) {
    impl_->logger->set_formatter(MakeJsonFormatter(kTimePattern));
  } else {
    impl_->logger->set_pattern(absl::StrCat(kTimePattern, " %^%l%$ %v"));
  }
  // At once: what matters most is written just before a crash, and a full disk shows in the count.
  impl_->logger->flush_on(spdlog::level::trace);
  impl_->logger->set_error_handler([impl = impl_.get()](const std::string&) {
    impl->write_errors.fetch_add(1, std::memory_order_relaxed);
  });
}

Logging::~Logging() = default;

// The logger passes on what any destination takes, so that Enabled is right. Levels are atomic.
void Logging::FollowSinks() {
  auto least = spdlog::level::off;
  for (const auto& sink : impl_->logger->sinks()) least = std::min(least, sink->level());
  impl_->logger->set_level(least);
}

LogLevels Logging::levels() const {
  if (impl_->logger == nullptr) return {.console = "off"};
  const auto& sinks = impl_->logger->sinks();
  return {NameOf(sinks[0]->level()), sinks.size() > 1 ? NameOf(sinks[1]->level()) : ""};
}

absl::Status Logging::SetLevels(bool console, bool file, const std::string& level) {
  const auto found = std::find(kLogThresholdNames.begin(), kLogThresholdNames.end(), level);
  if (found == kLogThresholdNames.end()) {
    return absl::InvalidArgumentError(absl::StrCat("level: '", level, "' is not one of ",
                                                   absl::StrJoin(kLogThresholdNames, ", ")));
  }
  const bool has_file = impl_->logger != nullptr && impl_->logger->sinks().size() > 1;
  if (!console && !has_file) {
    return absl::FailedPreconditionError("there is no log file; start with --log-file");
  }
  if (impl_->logger == nullptr) return absl::OkStatus();
  const auto to = kSpdlogLevels[static_cast<std::size_t>(found - kLogThresholdNames.begin())];
  if (console) impl_->logger->sinks()[0]->set_level(to);
  if (file && has_file) impl_->logger->sinks()[1]->set_level(to);
  FollowSinks();
  return absl::OkStatus();
}

bool Logging::Enabled(LogLevel level) const noexcept {
  return impl_->logger != nullptr && impl_->logger->should_log(ToSpdlog(level));
}

void Logging::Write(LogLevel level, std::string_view line) noexcept {
  if (impl_->logger == nullptr) return;
  std::string fit;
  if (impl_->format == LogFormat::kText && !IsPlain(line)) {
    line = fit = PlainText(line, kLineMax);
  } else if (line.size() > kLineMax) {
    line = fit =
        absl::StrCat(std::string(line.substr(0, kLineMax)), "... (", line.size(), " bytes)");
  }
  impl_->logger->log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

std::uint64_t Logging::lines_dropped() const {
  return impl_->pool == nullptr ? 0 : impl_->pool->overrun_counter();
}

std::uint64_t Logging::write_errors() const {
  return impl_->write_errors.load(std::memory_order_relaxed);
}

absl::Status Logging::Reopen() {
  const bool has_file = impl_->logger != nullptr && impl_->logger->sinks().size() > 1;
  auto* file = has_file ? dynamic_cast<FileSink*>(impl_->logger->sinks()[1].get()) : nullptr;
  return file == nullptr ? absl::FailedPreconditionError("there is no log file") : file->Reopen();
}

bool Logging::Close(std::chrono::milliseconds limit) {
  struct Progress {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
  };
  auto progress = std::make_shared<Progress>();
  // The destructor of the pool writes the queue and joins. Its thread is detached, because it is
  // abandoned if a destination is stuck; then it keeps what it uses.
  std::thread([progress, impl = std::move(impl_)]() mutable {
    impl.reset();
    const std::lock_guard lock(progress->mutex);
    progress->done = true;
    progress->changed.notify_all();
  }).detach();
  impl_ = std::make_unique<Impl>();
  std::unique_lock lock(progress->mutex);
  return progress->changed.wait_for(lock, limit, [&] { return progress->done; });
}

}  // namespace echogw::server
