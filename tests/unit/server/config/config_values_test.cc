// Goal: every textual form of a value is read as documented, and everything else is refused with a
// message that says what is allowed. Method: tables of texts.
#include "server/config/config_values.h"

#include <chrono>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kAny = UINT64_MAX;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(HostPort, ReadsEveryForm) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"127.0.0.1:7000", "127.0.0.1:7000"},
      {"[::1]:80", "[::1]:80"},
      {"[::]:0", "[::]:0"},
      {"localhost:65535", "localhost:65535"},
      {"[::ffff:1.2.3.4]:9", "[::ffff:1.2.3.4]:9"},
  };
  for (const auto& [text, want] : cases) {
    const auto address = ParseHostPort(text);
    ASSERT_TRUE(address.ok()) << text << ": " << address.status();
    EXPECT_EQ(address->ToString(), want);
  }
  const auto wildcard = ParseHostPort(":7000");
  ASSERT_TRUE(wildcard.ok());
  EXPECT_EQ(wildcard->host, "");
  EXPECT_EQ(wildcard->port, 7000);
}

TEST(HostPort, RefusesTheRest) {
  for (const std::string text :
       {"", "7000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:7x",
        "example.com:7000", "[]:7000", "[127.0.0.1]:7000", "[localhost]:1", "999.1.1.1:7", " :7000",
        "127.0.0.1: 7000", "[::1:7000", "[fe80::1%lo]:7000"}) {
    const auto address = ParseHostPort(text);
    EXPECT_FALSE(address.ok()) << text;
    EXPECT_THAT(Message(address.status()), HasSubstr("'" + text + "'"));
  }
  EXPECT_THAT(Message(ParseHostPort("::1:7000").status()), HasSubstr("brackets"));
}

TEST(AdminAddress, TcpOrUnix) {
  EXPECT_EQ(ParseAdminAddress("127.0.0.1:7001")->ToString(), "127.0.0.1:7001");
  EXPECT_EQ(ParseAdminAddress("unix:/run/e.sock")->ToString(), "unix:/run/e.sock");
  EXPECT_EQ(ParseAdminAddress("unix:/run/e.sock")->unix_path, "/run/e.sock");
  EXPECT_FALSE(ParseAdminAddress("unix:").ok());
  EXPECT_TRUE(ParseAdminAddress("unix:" + std::string(107, 'a')).ok());
  EXPECT_FALSE(ParseAdminAddress("unix:" + std::string(108, 'a')).ok());
}

TEST(Numbers, RangeIsInclusive) {
  EXPECT_EQ(*ParseUnsigned("1", 1, 256), 1U);
  EXPECT_EQ(*ParseUnsigned("256", 1, 256), 256U);
  for (const char* text :
       {"0", "257", "", "-1", "+1", "1.5", " 1", "1 ", "0x10", "99999999999999999999999"}) {
    EXPECT_FALSE(ParseUnsigned(text, 1, 256).ok()) << text;
  }
}

TEST(Bytes, UnitsArePowersOf1024) {
  EXPECT_EQ(*ParseBytes("65536", 0, kAny), 65536U);
  EXPECT_EQ(*ParseBytes("0", 0, kAny), 0U);
  EXPECT_EQ(*ParseBytes("64KiB", 0, kAny), 65536U);
  EXPECT_EQ(*ParseBytes("64k", 0, kAny), 65536U);
  EXPECT_EQ(*ParseBytes("3MiB", 0, kAny), 3U << 20U);
  EXPECT_EQ(*ParseBytes("2g", 0, kAny), 2ULL << 30U);
  EXPECT_EQ(*ParseBytes("7B", 0, kAny), 7U);
  for (const char* text : {"", "k", "KiB", "1KB", "-1", "1.5k", "1 k", "99999999999999999g"}) {
    EXPECT_FALSE(ParseBytes(text, 0, kAny).ok()) << text;
  }
  EXPECT_FALSE(ParseBytes("511", 512, 1024).ok());
  EXPECT_FALSE(ParseBytes("2k", 512, 1024).ok());
}

TEST(Durations, NeedAUnitAndStayInRange) {
  const nanoseconds day = hours(24);
  EXPECT_EQ(*ParseDuration("500ms", seconds(0), day), milliseconds(500));
  EXPECT_EQ(*ParseDuration("1m30s", seconds(0), day), seconds(90));
  EXPECT_EQ(*ParseDuration("0s", seconds(0), day), seconds(0));
  for (const char* text : {"", "30", "-1s", "inf", "25h", "1x", "s"}) {
    EXPECT_FALSE(ParseDuration(text, seconds(0), day).ok()) << text;
  }
  EXPECT_FALSE(ParseDuration("0s", milliseconds(1), day).ok());
}

TEST(Switches, OnOffTrueFalse) {
  EXPECT_TRUE(*ParseSwitch("on"));
  EXPECT_TRUE(*ParseSwitch("true"));
  EXPECT_FALSE(*ParseSwitch("off"));
  EXPECT_FALSE(*ParseSwitch("false"));
  EXPECT_FALSE(ParseSwitch("ON").ok());
  EXPECT_FALSE(ParseSwitch("").ok());
  EXPECT_FALSE(ParseSwitch("1").ok());
}

TEST(CpuLists, RangesAndSingles) {
  EXPECT_THAT(*ParseCpuList("0-3,6"), ElementsAre(0, 1, 2, 3, 6));
  EXPECT_THAT(*ParseCpuList("5"), ElementsAre(5));
  EXPECT_THAT(*ParseCpuList("3,1"), ElementsAre(3, 1));
  for (const char* text : {"", "a", "1-", "-1", "3-1", "1,,2", "1,1", "0-2,2", "0-99999999999"}) {
    EXPECT_FALSE(ParseCpuList(text).ok()) << text;
  }
}

TEST(Words, MessageListsWhatIsKnown) {
  const auto words = std::to_array<const char*>({"none", "upper"});
  EXPECT_EQ(*ParseWord("upper", words), 1U);
  EXPECT_EQ(Message(ParseWord("lower", words).status()), "'lower' is not one of none, upper");
}

TEST(ClosestWord, FindsSlipsOnly) {
  const std::vector<std::string> words = {"listen", "log-level", "cpus"};
  EXPECT_EQ(ClosestWord("lisen", words), "listen");
  EXPECT_EQ(ClosestWord("loglevel", words), "log-level");
  EXPECT_EQ(ClosestWord("gpus", words), "cpus");
  EXPECT_EQ(ClosestWord("colour", words), "");
  EXPECT_EQ(ClosestWord("", words), "");
}

}  // namespace
}  // namespace echogw::server
