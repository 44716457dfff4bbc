// Goal: with a token file only a token of it reads the exporter, in the forms that scrapers and
// browsers send; without one everybody does. Method: files, and values of the header.
#include "server/access/metrics_access.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/timer_thread.h"
#include "tests/support/recording_log.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using testing::HasSubstr;

constexpr char kReader[] = "0123456789abcdef";

class MetricsAccessTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<MetricsAccess>> Create(const MetricsAccessOptions& options) {
    return MetricsAccess::Create(options, timers_, log_);
  }
  static std::string Basic(const std::string& credentials) {
    return absl::StrCat("Basic ", absl::Base64Escape(credentials));
  }

  const TempDir dir_;
  RecordingLog log_;
  TimerThread timers_;
};

TEST_F(MetricsAccessTest, WithoutATokenFileEverybodyReads) {
  const auto access = Create({});
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_TRUE((*access)->Admits(""));
  EXPECT_TRUE((*access)->Admits("Basic x"));
  EXPECT_EQ((*access)->tls(), nullptr);
}

TEST_F(MetricsAccessTest, OnlyATokenOfTheFileReads) {
  const std::string file = dir_.Write(
      "tokens", absl::StrCat("viewer prometheus ", kReader, "\noperator a ", kReader, "x"));
  const auto access = Create({.token_file = file});
  ASSERT_TRUE(access.ok()) << access.status();
  for (const std::string& good :
       {absl::StrCat("Bearer ", kReader), absl::StrCat("bearer ", kReader, "x"),
        Basic(absl::StrCat("prometheus:", kReader)), Basic(absl::StrCat("a:", kReader, "x"))}) {
    EXPECT_TRUE((*access)->Admits(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string(kReader),
        absl::StrCat("Bearer  ", kReader), absl::StrCat("Digest ", kReader),
        Basic(absl::StrCat("a:", kReader)), Basic(absl::StrCat(":", kReader)), Basic(kReader),
        Basic(absl::StrCat("prometheus:", kReader, "y")), Basic("prometheus:"), Basic(""),
        absl::StrCat("Basic prometheus:", kReader)}) {
    EXPECT_FALSE((*access)->Admits(bad)) << bad;
  }
}

TEST_F(MetricsAccessTest, FilesThatCannotBeUsedAreNamed) {
  const auto no_file = Create({.token_file = dir_.path() + "/none"});
  EXPECT_THAT(std::string(no_file.status().message()), HasSubstr(dir_.path() + "/none"));
  const std::string bad = dir_.Write("bad", "viewer");
  EXPECT_THAT(std::string(Create({.token_file = bad}).status().message()), HasSubstr(bad));
  EXPECT_THAT(std::string(Create({.tls_cert = bad, .tls_key = bad}).status().message()),
              HasSubstr(bad));
}

}  // namespace
}  // namespace echogw::server
