// Goal: every error is counted by kind and errno, and a flood of one kind leaves room for the first
// of another.
#include "ctl/engine/error_log.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>

namespace echogw::ctl::load {
namespace {

using std::chrono::system_clock;

ErrorLog::Detail At(int second, ErrorKind kind, int error) {
  return {
      .time = system_clock::time_point(std::chrono::seconds(second)), .kind = kind, .error = error};
}

TEST(LoadErrorLogTest, CountsByKindAndErrno) {
  ErrorLog log;
  EXPECT_EQ(log.total(), 0u);
  for (int i = 0; i < 1000; ++i) log.Add(At(i, ErrorKind::kClientLimit, EADDRNOTAVAIL));
  log.Add(At(1000, ErrorKind::kClientLimit, EMFILE));
  log.Add(At(1001, ErrorKind::kReset, ECONNRESET));
  EXPECT_EQ(log.total(), 1002u);
  EXPECT_EQ(log.CountOf(ErrorKind::kClientLimit), 1001u);
  EXPECT_EQ(log.CountOf(ErrorKind::kIo), 0u);
  EXPECT_EQ(log.counts().at({ErrorKind::kClientLimit, EMFILE}), 1u);
  ASSERT_EQ(log.details().size(), ErrorLog::kDetails + 2);
  EXPECT_EQ(log.details().back().kind, ErrorKind::kReset);
}

TEST(LoadErrorLogTest, MergeAddsUpAndSortsByTime) {
  ErrorLog first;
  first.Add(At(1, ErrorKind::kReset, ECONNRESET));
  first.Add(At(3, ErrorKind::kEarlyEof, 0));
  ErrorLog second;
  second.Add(At(2, ErrorKind::kReset, ECONNRESET));
  first.Merge(second);
  EXPECT_EQ(first.total(), 3u);
  EXPECT_EQ(first.CountOf(ErrorKind::kReset), 2u);
  ASSERT_EQ(first.details().size(), 3u);
  EXPECT_EQ(first.details()[1].time, system_clock::time_point(std::chrono::seconds(2)));
}

TEST(LoadErrorLogTest, Names) {
  EXPECT_EQ(ErrnoName(ECONNREFUSED), "ECONNREFUSED");
  EXPECT_EQ(ErrnoName(0), "");
  EXPECT_EQ(ErrnoName(99999), "errno 99999");
  EXPECT_EQ(ErrorKindName(ErrorKind::kWrongBytes), "wrong-bytes");
}

}  // namespace
}  // namespace echogw::ctl::load
