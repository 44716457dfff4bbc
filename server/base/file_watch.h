// Loads a set of files, and loads them again when they change, such as certificates that are
// renewed. Files that are being replaced do not fit together for a moment, so an error is logged
// only if it persists; loading is retried until it succeeds. Its owner destroys it before what
// `load` uses; `load` runs in Start, then on the timer thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "reactor/base/log_sink.h"
#include "server/base/timer_thread.h"

namespace echogw::server {

// Differs whenever a file was replaced or written to.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

class FileWatch {
 public:
  // `what` begins the log lines.
  FileWatch(TimerThread& timers, LogSink& log, std::string what, std::vector<std::string> paths,
            std::function<absl::Status()> load,
            TimerThread::Interval interval = std::chrono::seconds(1));
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch();

  // Loads the files; an error is that of `load`, and then they are not watched.
  [[nodiscard]] absl::Status Start();

  // Loads that failed after Start. Any thread.
  [[nodiscard]] std::uint64_t failures() const { return failures_.load(); }

 private:
  using StampList = std::vector<std::optional<FileStamp>>;

  [[nodiscard]] StampList Stamps() const;
  void Look();

  TimerThread& timers_;
  LogSink& log_;
  const std::string what_;
  const std::vector<std::string> paths_;
  const std::function<absl::Status()> load_;
  const TimerThread::Interval interval_;
  std::uint64_t timer_ = 0;
  // Of the timer thread once it runs.
  StampList seen_;
  bool loaded_ = true;
  bool reported_ = false;
  // Writer: the timer thread. Readers: any thread; nothing depends on it.
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace echogw::server
