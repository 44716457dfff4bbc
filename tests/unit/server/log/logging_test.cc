// Goal: lines reach their destinations by level; a slow or failing destination costs lines, which
// are counted, and never the caller. Method: destinations made by the test; /dev/full for a disk
// without room.
#include "server/log/logging.h"

#include <google/protobuf/wrappers.pb.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/library_log.h"
#include "tests/unit/server/temp_dir.h"
#include "tests/unit/server/test_support.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string ReadFile(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// Takes nothing until it is opened.
class Gate final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void Open() {
    const std::lock_guard lock(gate_);
    open_ = true;
    changed_.notify_all();
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(gate_);
    return lines_;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::unique_lock lock(gate_);
    changed_.wait(lock, [this] { return open_; });
    lines_.emplace_back(message.payload.data(), message.payload.size());
  }
  void flush_() override {}

 private:
  std::mutex gate_;
  std::condition_variable changed_;
  bool open_ = false;
  std::vector<std::string> lines_;
};

TEST(Logging, AFileTakesWhatItsLevelSays) {
  const TempDir dir;
  LogOptions options{.console = LogThreshold::kOff,
                     .file = dir.path() + "/sub/e.log",
                     .file_level = LogThreshold::kInfo};
  auto log = Logging::Create(options);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_TRUE((*log)->Enabled(LogLevel::kInfo));
  EXPECT_FALSE((*log)->Enabled(LogLevel::kDebug));
  (*log)->Write(LogLevel::kDebug, "hidden");
  (*log)->Write(LogLevel::kInfo, "shown {} %v");
  (*log)->Write(LogLevel::kError, "bad");
  EXPECT_TRUE((*log)->Close(seconds(20)));
  const std::string text = ReadFile(options.file);
  EXPECT_THAT(text, HasSubstr(" info shown {} %v\n"));
  EXPECT_THAT(text, HasSubstr(" error bad\n"));
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
}

TEST(Logging, EverythingOffTakesNothing) {
  auto log = Logging::Create({.console = LogThreshold::kOff});
  ASSERT_TRUE(log.ok());
  EXPECT_FALSE((*log)->Enabled(LogLevel::kError));
}

TEST(Logging, FilesRotateBySize) {
  const TempDir dir;
  LogOptions options{.console = LogThreshold::kOff,
                     .file = dir.path() + "/e.log",
                     .file_max_bytes = 4096,
                     .file_count = 2};
  auto log = Logging::Create(options);
  ASSERT_TRUE(log.ok());
  for (int i = 0; i < 400; ++i) (*log)->Write(LogLevel::kError, std::string(100, 'x'));
  EXPECT_TRUE((*log)->Close(seconds(20)));
  EXPECT_TRUE(std::filesystem::exists(dir.path() + "/e.1.log"));
  EXPECT_TRUE(std::filesystem::exists(dir.path() + "/e.2.log"));
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/e.3.log"));
  EXPECT_LE(std::filesystem::file_size(options.file), 4096U);
}

TEST(Logging, ARenamedFileIsReplacedWhenReopened) {
  const TempDir dir;
  const LogOptions options{.console = LogThreshold::kOff, .file = dir.path() + "/e.log"};
  auto log = Logging::Create(options);
  ASSERT_TRUE(log.ok());
  (*log)->Write(LogLevel::kInfo, "old");
  ASSERT_TRUE(Eventually([&] { return !ReadFile(options.file).empty(); }));
  std::filesystem::rename(options.file, dir.path() + "/moved");
  ASSERT_TRUE((*log)->Reopen().ok());
  (*log)->Write(LogLevel::kInfo, "new");
  EXPECT_TRUE((*log)->Close(seconds(20)));
  EXPECT_THAT(ReadFile(options.file), AllOf(HasSubstr(" info new\n"), Not(HasSubstr("old"))));
  EXPECT_THAT(ReadFile(dir.path() + "/moved"), AllOf(HasSubstr("old"), Not(HasSubstr("new"))));
}

TEST(Logging, AFileThatCannotBeReopenedStaysInUse) {
  const TempDir dir;
  const LogOptions options{.console = LogThreshold::kOff, .file = dir.path() + "/e.log"};
  auto log = Logging::Create(options);
  ASSERT_TRUE(log.ok());
  std::filesystem::rename(options.file, dir.path() + "/moved");
  std::filesystem::create_directory(options.file);
  EXPECT_THAT(std::string((*log)->Reopen().message()), HasSubstr("log-file: "));
  (*log)->Write(LogLevel::kInfo, "kept");
  EXPECT_TRUE((*log)->Close(seconds(20)));
  EXPECT_THAT(ReadFile(dir.path() + "/moved"), HasSubstr("kept"));
  auto without = Logging::Create({.console = LogThreshold::kOff});
  EXPECT_FALSE((*without)->Reopen().ok());
}

TEST(Logging, AFileThatCannotBeOpenedIsAnError) {
  const TempDir dir;
  const auto log = Logging::Create({.file = dir.path()});
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("log-file: "));
  EXPECT_THAT(std::string(log.status().message()), HasSubstr(dir.path()));
}

TEST(Logging, AFullQueueDropsTheOldestAndCounts) {
  const auto gate = std::make_shared<Gate>();
  Logging log({gate}, 4);
  for (int i = 0; i < 100; ++i) log.Write(LogLevel::kInfo, std::to_string(i));
  EXPECT_GE(log.lines_dropped(), 95U);
  const std::uint64_t dropped = log.lines_dropped();
  gate->Open();
  ASSERT_TRUE(log.Close(seconds(20)));
  const auto lines = gate->lines();
  EXPECT_EQ(lines.size() + dropped, 100U);
  EXPECT_EQ(lines.back(), "99");
}

TEST(Logging, AFullDiskIsCountedAndSurvived) {
  const auto full = std::make_shared<spdlog::sinks::basic_file_sink_mt>("/dev/full");
  Logging log({full}, 64);
  log.Write(LogLevel::kError, "lost");
  EXPECT_TRUE(Eventually([&] { return log.write_errors() > 0; }));
  log.Write(LogLevel::kError, "lost as well");
  EXPECT_TRUE(log.Close(seconds(20)));
}

TEST(Logging, CloseGivesUpOnAStuckDestination) {
  const auto gate = std::make_shared<Gate>();
  Logging log({gate}, 4);
  log.Write(LogLevel::kInfo, "stuck");
  EXPECT_FALSE(log.Close(milliseconds(50)));
  gate->Open();
}

TEST(Logging, ALineStaysOneLine) {
  const TempDir dir;
  const LogOptions options{.console = LogThreshold::kOff, .file = dir.path() + "/e.log"};
  auto log = Logging::Create(options);
  ASSERT_TRUE(log.ok()) << log.status();
  (*log)->Write(LogLevel::kWarning, "level: 'a\n2000-01-01 forged\x1b[31m\xc2\x9b' \u00e9");
  (*log)->Write(LogLevel::kWarning, std::string(100'000, 'z'));
  EXPECT_TRUE((*log)->Close(seconds(20)));
  const std::string text = ReadFile(options.file);
  EXPECT_THAT(text, HasSubstr(R"(level: 'a\n2000-01-01 forged\x1b[31m\xc2\x9b' )"
                              "\u00e9\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  EXPECT_THAT(text, HasSubstr("zzz... (100000 bytes)\n"));
  EXPECT_LT(text.size(), 9000U);
}

TEST(LibraryLog, ProtobufDoesNotWriteToStandardError) {
  RecordingLog log;
  testing::internal::CaptureStderr();
  {
    const LibraryLogRedirect redirect(log);
    google::protobuf::StringValue message;
    message.set_value("\xf6");
    static_cast<void>(message.SerializeAsString());
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  ASSERT_EQ(log.lines().size(), 1U);
  EXPECT_THAT(log.lines()[0],
              HasSubstr("protobuf: String field 'google.protobuf.StringValue.value' "
                        "contains invalid UTF-8"));
}

TEST(LibraryLog, GrpcGoesToTheSinkWhileRedirected) {
  // gRPC reads its verbosity when it starts.
  grpc_init();
  RecordingLog log;
  {
    const LibraryLogRedirect redirect(log);
    gpr_log(GPR_ERROR, "number %d", 7);
  }
  gpr_log(GPR_DEBUG, "not ours any more");
  grpc_shutdown();
  EXPECT_THAT(log.lines(), testing::ElementsAre("grpc: number 7"));
}

}  // namespace
}  // namespace echogw::server
