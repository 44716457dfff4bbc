// Goal: a line of the JSON log is one object that any reader takes, whatever is logged. Method:
// text with every kind of byte that JSON or UTF-8 has a rule for; lines through a real log.
#include "server/log/json_log.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/logging.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using testing::MatchesRegex;

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

TEST(JsonString, QuotesWhatJsonForbids) {
  using namespace std::string_view_literals;
  EXPECT_EQ(Json("plain %v {} /"), "\"plain %v {} /\"");
  EXPECT_EQ(Json("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Json("a\nb\tc\r\x1f\0d"sv), R"("a\nb\tc\u000d\u001f\u0000d")");
  EXPECT_EQ(Json("\x7f \xc2\x9b \u2028"), R"("\u007f \u009b \u2028")");
  EXPECT_EQ(Json(""), "\"\"");
}

TEST(JsonString, KeepsUtf8AndReplacesWhatIsNone) {
  const std::string good = "\u00e9 \u0800 \ud7ff \ue000 \uffff \U00010000 \U0010ffff";
  EXPECT_EQ(Json(good), "\"" + good + "\"");
  const std::string bad = "\uFFFD";
  EXPECT_EQ(Json("\x80"), "\"" + bad + "\"");
  EXPECT_EQ(Json("\xc3"), "\"" + bad + "\"");                      // cut off
  EXPECT_EQ(Json("\xc3("), "\"" + bad + "(\"");                    // the next one is its own
  EXPECT_EQ(Json("\xc0\xaf"), "\"" + bad + bad + "\"");            // overlong
  EXPECT_EQ(Json("\xe0\x80\xaf"), "\"" + bad + bad + bad + "\"");  // overlong
  EXPECT_EQ(Json("\xed\xa0\x80"), "\"" + bad + bad + bad + "\"");  // a surrogate
  EXPECT_EQ(Json("\xf4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"");  // too large
  EXPECT_EQ(Json("\xff\"\xff"), "\"" + bad + "\\\"" + bad + "\"");
}

TEST(JsonLog, EachLineIsAnObject) {
  const TempDir dir;
  const std::string path = dir.path() + "/e.log";
  auto log =
      Logging::Create({.format = LogFormat::kJson, .console = LogThreshold::kOff, .file = path});
  ASSERT_TRUE(log.ok()) << log.status();
  const std::vector<std::string> messages = {"plain", "two\nlines", "quote \" and {} %v", "\u00e9"};
  for (const std::string& message : messages) (*log)->Write(LogLevel::kWarning, message);
  ASSERT_TRUE((*log)->Close(std::chrono::seconds(20)));
  std::ifstream file(path);
  std::string line;
  std::vector<std::string> found;
  while (std::getline(file, line)) {
    google::protobuf::Struct object;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &object).ok()) << line;
    EXPECT_EQ(object.fields_size(), 3) << line;
    const auto text = [&](const char* key) { return object.fields().at(key).string_value(); };
    EXPECT_EQ(text("level"), "warning");
    EXPECT_THAT(text("time"), MatchesRegex("....-..-..T..:..:..\\....[+-]..:.."));
    found.push_back(text("message"));
  }
  EXPECT_EQ(found, messages);
}

}  // namespace
}  // namespace echogw::server
