// Goal: what people type as a duration is taken exactly or refused with a sentence.
#include "ctl/base/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace echogw::ctl {
namespace {

using testing::HasSubstr;

TEST(Duration, ParsesEveryUnit) {
  const std::vector<std::pair<std::string, std::int64_t>> cases = {
      {"0s", 0},
      {"7ns", 7},
      {"7us", 7'000},
      {"500ms", 500'000'000},
      {"1s", 1'000'000'000},
      {"2m", 120'000'000'000},
      {"1h", 3'600'000'000'000},
      {"1h30m", 5'400'000'000'000},
      {"1.5s", 1'500'000'000},
      {"0.001ms", 1'000},
      {"1.000000001s", 1'000'000'001},
      {"0.5h", 1'800'000'000'000},
      {"1s500ms", 1'500'000'000},
      {"9223372036s", 9'223'372'036'000'000'000},
  };
  for (const auto& [text, nanoseconds] : cases) {
    const auto parsed = ParseDuration(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    EXPECT_EQ(parsed->count(), nanoseconds) << text;
  }
}

TEST(Duration, RefusesANumberWithoutAUnitAndSaysWhatToWrite) {
  const auto parsed = ParseDuration("5");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().message(), "'5' has no unit; write for example 5s or 5ms");
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "s", "-1s", "+1s", " 1s", "1s ", "1 s", "1d", "1sec", "1.s", ".5s",
                           "1.2.3s", "1S", "1s5", "0x1s", "nan", "1e3s"}) {
    const auto parsed = ParseDuration(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("'")) << text;
  }
}

TEST(Duration, RefusesWhatDoesNotFit) {
  for (const char* text :
       {"9223372037s", "9999999999h", "99999999999999999999s", "9223372036s1h"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(Duration, FormatsToWhatParsesBack) {
  const std::vector<std::pair<std::int64_t, std::string>> cases = {
      {0, "0s"},
      {1, "1ns"},
      {1'500'000, "1500us"},
      {200'000'000, "200ms"},
      {1'500'000'000, "1s500ms"},
      {90'000'000'000, "1m30s"},
      {3'600'000'000'000, "1h"},
      {3'600'000'000'001, "1h1ns"},
  };
  for (const auto& [nanoseconds, text] : cases) {
    EXPECT_EQ(FormatDuration(Duration(nanoseconds)), text);
    EXPECT_EQ(ParseDuration(text)->count(), nanoseconds) << text;
  }
}

}  // namespace
}  // namespace echogw::ctl
