#include "server/base/file_watch.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

std::int64_t Nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::optional<FileStamp> StampOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileStamp{.device = info.st_dev,
                   .inode = info.st_ino,
                   .size = info.st_size,
                   .modified_ns = Nanoseconds(info.st_mtim),
                   .changed_ns = Nanoseconds(info.st_ctim)};
}

}  // namespace

FileWatch::FileWatch(TimerThread& timers, LogSink& log, std::string what,
                     std::vector<std::string> paths, std::function<absl::Status()> load,
                     TimerThread::Interval interval)
    : timers_(timers),
      log_(log),
      what_(std::move(what)),
      paths_(std::move(paths)),
      load_(std::move(load)),
      interval_(interval) {}

FileWatch::~FileWatch() { timers_.Cancel(timer_); }

absl::Status FileWatch::Start() {
  // Before the files are read, so that no change is missed.
  seen_ = Stamps();
  const absl::Status status = load_();
  if (status.ok()) timer_ = timers_.Every(interval_, [this] { Look(); });
  return status;
}

FileWatch::StampList FileWatch::Stamps() const {
  StampList stamps;
  for (const std::string& path : paths_) stamps.push_back(StampOf(path));
  return stamps;
}

void FileWatch::Look() {
  StampList stamps = Stamps();
  const bool changed = stamps != seen_;
  if (!changed && loaded_) return;
  seen_ = std::move(stamps);
  const absl::Status status = load_();
  loaded_ = status.ok();
  if (!loaded_) failures_.fetch_add(1);
  if (loaded_ || changed) {
    reported_ = false;
  } else if (!std::exchange(reported_, true)) {
    log_.Write(LogLevel::kError, absl::StrCat(what_, ": ", std::string(status.message()),
                                              "; the previous version stays in use"));
  }
}

}  // namespace echogw::server
