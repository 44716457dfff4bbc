// Goal: the file gives the values of its keys with their lines, and every mistake in it is refused
// with path and line. Method: texts, and files in a directory of the test's own.
#include "server/config/config_file.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string ErrorOf(const std::string& text) {
  const auto settings = ParseConfigText(text, "e.toml");
  EXPECT_FALSE(settings.ok()) << text;
  const std::string message(settings.status().message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

TEST(ConfigFile, ReadsEveryTypeAsText) {
  const auto settings = ParseConfigText(
      "# comment\n"
      "listen = [\"127.0.0.1:1\", \"[::1]:2\"]\n"
      "reactors = 4\n"
      "tcp-nodelay = false\n"
      "log-level = 'debug'\n",
      "e.toml");
  ASSERT_TRUE(settings.ok()) << settings.status();
  std::map<std::string, FileSetting> by_key;
  for (const FileSetting& each : *settings) by_key[each.key] = each;
  ASSERT_EQ(by_key.size(), 4U);
  EXPECT_THAT(by_key["listen"].values, ElementsAre("127.0.0.1:1", "[::1]:2"));
  EXPECT_EQ(by_key["listen"].source, "e.toml:2");
  EXPECT_THAT(by_key["reactors"].values, ElementsAre("4"));
  EXPECT_EQ(by_key["reactors"].source, "e.toml:3");
  EXPECT_THAT(by_key["tcp-nodelay"].values, ElementsAre("off"));
  EXPECT_THAT(by_key["log-level"].values, ElementsAre("debug"));
}

TEST(ConfigFile, AnEmptyFileIsFine) {
  const auto settings = ParseConfigText("", "e.toml");
  ASSERT_TRUE(settings.ok());
  EXPECT_TRUE(settings->empty());
}

TEST(ConfigFile, UnknownKeysAreRefusedWithASuggestion) {
  EXPECT_EQ(ErrorOf("\n\nlisen = ':1'\n"), "e.toml:3: unknown key 'lisen'; did you mean 'listen'?");
  EXPECT_EQ(ErrorOf("colour = 1\n"),
            "e.toml:1: unknown key 'colour'; echogw --help lists the keys");
  EXPECT_THAT(ErrorOf("[server]\nlisten = ':1'\n"), StartsWith("e.toml:1: unknown key 'server'"));
}

TEST(ConfigFile, MistakesNameTheirLine) {
  EXPECT_THAT(ErrorOf("reactors = 4\nlisten = :7000\n"), StartsWith("e.toml:2: "));
  EXPECT_THAT(ErrorOf("reactors = 4\nreactors = 5\n"), StartsWith("e.toml:2: "));
  EXPECT_THAT(ErrorOf("reactors = \n"), StartsWith("e.toml:1: "));
  EXPECT_THAT(ErrorOf("reactors = 1.5\n"), HasSubstr("e.toml:1: reactors: must be a string"));
  EXPECT_THAT(ErrorOf("cpus = [1, 2]\n"), HasSubstr("e.toml:1: cpus: takes one value"));
  EXPECT_THAT(ErrorOf("listen = [[\":1\"]]\n"), HasSubstr("e.toml:1: listen: must be a string"));
  EXPECT_THAT(ErrorOf("[log-level]\nx = 1\n"), HasSubstr("log-level: must be a string"));
  EXPECT_THAT(ErrorOf(std::string("a\0b", 3)), StartsWith("e.toml:1: "));
  EXPECT_THAT(ErrorOf("\xff\xfe"), StartsWith("e.toml:1: "));
}

TEST(ConfigFile, WhatIsNoTextIsRefused) {
  const std::string why = "holds a control character or is not UTF-8";
  EXPECT_EQ(ErrorOf(std::string("reactors = 1\r\n\t[\0\0", 19)), "e.toml:2: " + why);
  EXPECT_EQ(ErrorOf("# \x1b[2J"), "e.toml:1: " + why);
  EXPECT_EQ(ErrorOf("\n\n# \xff"), "e.toml:3: " + why);
  const std::string outside =
      "a character that is not ASCII stands outside of double quotes and comments";
  EXPECT_EQ(ErrorOf("\n\xef\xbb\xa3 = 1"), "e.toml:2: " + outside);
  EXPECT_EQ(ErrorOf("log-file = 'a' \xc3\xb6"), "e.toml:1: " + outside);
  EXPECT_EQ(ErrorOf("log-file = 'a\xc3\xb6'"), "e.toml:1: " + outside);
  EXPECT_EQ(ErrorOf("log-file = \"\\\xc3\xb6\""), "e.toml:1: " + outside);
  EXPECT_TRUE(ParseConfigText("\xef\xbb\xbfreactors = 1", "e.toml").ok());
  EXPECT_TRUE(ParseConfigText("\treactors\t= 1 # gr\xc3\xb6\xc3\x9f\r\n", "e.toml").ok());
}

TEST(ConfigFile, StringsKeepCharactersOfAllLanguages) {
  const auto value = [](const std::string& text) {
    const auto settings = ParseConfigText(text, "e.toml");
    EXPECT_TRUE(settings.ok()) << settings.status();
    return settings.ok() ? settings->front().values.front() : "";
  };
  EXPECT_EQ(value("log-file = \"\\\"\xc3\xb6\" # \xc3\xb6"), "\"\xc3\xb6");
  EXPECT_EQ(value("log-file = \"\xe2\x82\xac\xf0\x9f\x98\x80.\" # '"),
            "\xe2\x82\xac\xf0\x9f\x98\x80.");
  EXPECT_EQ(value("log-file = 'a\tb' # \xc3\xb6"), "a\tb");
  EXPECT_EQ(value("log-file = 'a#\"'"), "a#\"");
}

// The parser of TOML reads on after a mistake, and must not meet what it does not expect there.
TEST(ConfigFile, MistakesBeforeOtherCharacters) {
  EXPECT_THAT(ErrorOf("log-=-eznb\";\xc5\x91\xdd\x8c;\""), StartsWith("e.toml:1: "));
  EXPECT_THAT(ErrorOf("a = -e=\"\xc5\x91\xef\xbb\xa3\""), StartsWith("e.toml:1: "));
  EXPECT_THAT(ErrorOf("log-file = \"\"\"\\\n# x\"\"\""),
              StartsWith("e.toml:1: no setting takes a string in three quotes"));
}

TEST(ConfigFile, ATableThatIsCutOffIsAMistakeLikeOthers) {
  EXPECT_THAT(ErrorOf("reactors = 1\n["), StartsWith("e.toml:2: "));
  EXPECT_THAT(ErrorOf("[ = 7"), StartsWith("e.toml:1: "));
}

TEST(ConfigFile, FilesThatCannotBeRead) {
  const TempDir dir;
  const auto missing = ReadConfigFile(dir.path() + "/none.toml");
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("No such file"));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("none.toml"));
  EXPECT_FALSE(ReadConfigFile(dir.path()).ok());
  EXPECT_THAT(std::string(ReadConfigFile("/dev/zero").status().message()), HasSubstr("1 MiB"));
}

TEST(ConfigFile, ReadsAFile) {
  const TempDir dir;
  const std::string path = dir.Write("e.toml", "reactors = 2\n");
  const auto settings = ReadConfigFile(path);
  ASSERT_TRUE(settings.ok()) << settings.status();
  ASSERT_EQ(settings->size(), 1U);
  EXPECT_EQ(settings->front().source, path + ":1");
}

TEST(ConfigFile, FormatQuotesAndNamesSources) {
  const std::vector<Setting> settings = {
      {.key = "listen", .values = {":1", ":2"}, .source = "--listen", .meaning = ""},
      {.key = "tcp-nodelay", .values = {"off"}, .source = "default", .meaning = ""},
      {.key = "reactors", .values = {"auto"}, .source = "default", .meaning = "2"},
      {.key = "backlog", .values = {"12"}, .source = "ECHOGW_BACKLOG", .meaning = ""},
      {.key = "log-file", .values = {"/a \"b\"\\c"}, .source = "e.toml:3", .meaning = ""},
  };
  const std::string text = FormatConfig(settings);
  EXPECT_THAT(text, HasSubstr("listen = [\":1\", \":2\"]  # --listen\n"));
  EXPECT_THAT(text, HasSubstr("tcp-nodelay = false  # default\n"));
  EXPECT_THAT(text, HasSubstr("reactors = \"auto\"  # default; here 2\n"));
  EXPECT_THAT(text, HasSubstr("backlog = 12  # ECHOGW_BACKLOG\n"));
  EXPECT_THAT(text, HasSubstr("log-file = \"/a \\\"b\\\"\\\\c\"  # e.toml:3\n"));
  const auto again = ParseConfigText(text, "e.toml");
  ASSERT_TRUE(again.ok()) << again.status();
  for (const FileSetting& each : *again) {
    for (const Setting& setting : settings) {
      if (setting.key == each.key) {
        EXPECT_EQ(setting.values, each.values);
      }
    }
  }
}

}  // namespace
}  // namespace echogw::server
