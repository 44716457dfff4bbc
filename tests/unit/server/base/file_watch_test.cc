// Goal: changed files are loaded until that succeeds, and an error that persists is logged once.
// Method: a loader that fails as the test says; a short interval.
#include "server/base/file_watch.h"

#include <atomic>
#include <chrono>
#include <filesystem>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/temp_dir.h"
#include "tests/unit/server/test_support.h"

namespace echogw::server {
namespace {

class FileWatchTest : public testing::Test {
 protected:
  absl::Status Load() {
    const int load = ++loads_;
    return load >= fail_from_ && load < fail_to_ ? absl::UnavailableError("no") : absl::OkStatus();
  }

  void Replace() const { std::filesystem::rename(dir_.Write("new", "22"), path_); }

  const TempDir dir_;
  const std::string path_ = dir_.Write("file", "1");
  RecordingLog log_;
  TimerThread timers_;
  std::atomic<int> loads_{0};
  int fail_from_ = 0;
  int fail_to_ = 0;
  FileWatch watch_{
      timers_, log_, "test", {path_}, [this] { return Load(); }, std::chrono::milliseconds(1)};
};

TEST_F(FileWatchTest, AChangeIsLoaded) {
  ASSERT_TRUE(watch_.Start().ok());
  Replace();
  EXPECT_TRUE(Eventually([this] { return loads_ >= 2; }));
  EXPECT_THAT(log_.lines(), testing::IsEmpty());
}

TEST_F(FileWatchTest, LoadingIsRetriedUntilItSucceeds) {
  fail_from_ = 2;
  fail_to_ = 9;
  ASSERT_TRUE(watch_.Start().ok());
  Replace();
  EXPECT_TRUE(Eventually([this] { return loads_ >= 9; }));
  EXPECT_THAT(log_.lines(), testing::ElementsAre("test: no; the previous version stays in use"));
}

TEST_F(FileWatchTest, AFailureAtTheStartIsReturned) {
  fail_to_ = 2;
  EXPECT_EQ(watch_.Start().message(), "no");
}

}  // namespace
}  // namespace echogw::server
