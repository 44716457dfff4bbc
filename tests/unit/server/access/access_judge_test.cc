// Goal: who calls is told by token, certificate or user id, in that order; every refusal is counted
// and logged without its secret; changed files count, bad ones do not. Method: AdminAccess with the
// claims of calls made up by the test.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/access/admin_access.h"
#include "tests/unit/server/temp_dir.h"
#include "tests/unit/server/test_support.h"

namespace echogw::server {
namespace {

using Claims = AdminAccess::Claims;
using absl::StatusCode;
using testing::HasSubstr;
using testing::Not;

constexpr char kRead[] = "/echogw.admin.v1.Admin/GetInfo";
constexpr char kChange[] = "/echogw.admin.v1.Admin/Drain";
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kOperatorToken[] = "operator-0123456789";
constexpr char kViewerToken[] = "viewer-0123456789";

class AccessTest : public testing::Test {
 protected:
  AccessTest() {
    options_.token_file = dir_.Write("tokens", absl::StrCat("operator alice ", kOperatorToken,
                                                            "\nviewer graf ", kViewerToken, "\n"));
    std::filesystem::permissions(options_.token_file, std::filesystem::perms::owner_read);
  }

  std::unique_ptr<AdminAccess> Make(bool at_unix = false) {
    AdminAddress address;
    address.tcp.host = "127.0.0.1";
    if (at_unix) address.unix_path = "/x";
    auto access = AdminAccess::Create(address, options_, timers_, log_);
    EXPECT_TRUE(access.ok()) << access.status();
    return *std::move(access);
  }

  // Replaces the file as one should, by a rename.
  void Replace(const std::string& text) {
    std::filesystem::rename(dir_.Write("new", text), options_.token_file);
  }

  std::string Log() const { return absl::StrJoin(log_.lines(), "\n"); }

  static Claims Token(const std::string& token) {
    return {.authorization = {absl::StrCat("Bearer ", token)}, .names = {}, .uid = {}};
  }
  static StatusCode CodeOf(AdminAccess& access, const Claims& claims, const std::string& path) {
    return access.Judge(claims, path, "10.0.0.5").code();
  }

  const TempDir dir_;
  AdminAccessOptions options_;
  RecordingLog log_;
  TimerThread timers_;
};

TEST_F(AccessTest, TokensHaveTheirRoles) {
  const auto access = Make();
  EXPECT_FALSE(access->open());
  for (const char* path : {kRead, kChange, "/what/ever"}) {
    EXPECT_EQ(CodeOf(*access, Token(kOperatorToken), path), StatusCode::kOk);
    EXPECT_EQ(CodeOf(*access, Token(kViewerToken), path),
              path == kRead ? StatusCode::kOk : StatusCode::kPermissionDenied);
    EXPECT_EQ(CodeOf(*access, Token("who-0123456789abc"), path), StatusCode::kUnauthenticated);
    EXPECT_EQ(CodeOf(*access, {}, path), StatusCode::kUnauthenticated);
  }
  EXPECT_EQ(access->refused(), (RefusalCounts{3, 3, 0, 2}));
}

TEST_F(AccessTest, HealthIsForEverybody) {
  const auto access = Make();
  EXPECT_EQ(CodeOf(*access, {}, kHealth), StatusCode::kOk);
  EXPECT_EQ(CodeOf(*access, Token("nonsense"), kHealth), StatusCode::kOk);
  EXPECT_EQ(access->refused(), RefusalCounts{});
}

TEST_F(AccessTest, OddHeadersAreNoTokens) {
  const auto access = Make();
  const std::string token = kOperatorToken;
  for (const std::vector<std::string>& headers :
       std::vector<std::vector<std::string>>{{token},
                                             {"Basic " + token},
                                             {"Bearer" + token},
                                             {"Bearer  " + token},
                                             {""},
                                             {"Bearer "},
                                             {"Bearer " + token, "Bearer " + token},
                                             {"Bearer " + token + ",Bearer x"}}) {
    EXPECT_EQ(CodeOf(*access, {.authorization = headers, .names = {}, .uid = {}}, kRead),
              StatusCode::kUnauthenticated)
        << absl::StrJoin(headers, "|");
  }
  // The scheme is not case sensitive (RFC 9110).
  EXPECT_EQ(
      CodeOf(*access, {.authorization = {"bearer " + token}, .names = {}, .uid = {}}, kChange),
      StatusCode::kOk);
}

TEST_F(AccessTest, RefusalsAreLoggedWithoutSecretsAndWithoutForgery) {
  const auto access = Make();
  EXPECT_FALSE(
      access->Judge(Token("my-secret-token-x"), "/a\nb\x1b" + std::string(500, 'z'), "10.0.0.5")
          .ok());
  const absl::Status viewer = access->Judge(Token(kViewerToken), kChange, "10.0.0.5");
  EXPECT_THAT(Log(), HasSubstr("admin: refused /a\\nb\\x1bzzz"));
  EXPECT_THAT(Log(), HasSubstr("admin: refused /echogw.admin.v1.Admin/Drain from 10.0.0.5: token "
                               "graf is a viewer; this call requires an operator"));
  for (const char* secret : {"my-secret-token-x", kViewerToken, kOperatorToken}) {
    EXPECT_THAT(Log(), Not(HasSubstr(secret)));
    EXPECT_THAT(std::string(viewer.message()), Not(HasSubstr(secret)));
  }
}

TEST_F(AccessTest, AFloodOfRefusalsIsCountedButNotLogged) {
  const auto access = Make();
  for (int i = 0; i < 5000; ++i) EXPECT_FALSE(access->Judge({}, kRead, "10.0.0.5").ok());
  EXPECT_EQ(access->refused()[0], 5000U);
  // 100 a second, of which it takes a few at most.
  EXPECT_LT(log_.lines().size(), 3000U);
  EXPECT_TRUE(Eventually([&] {
    EXPECT_FALSE(access->Judge({}, kRead, "10.0.0.5").ok());
    return Log().find("refused calls were not logged") != std::string::npos;
  }));
}

TEST_F(AccessTest, UsersOfASocketHaveRoles) {
  options_.token_file = "";
  options_.unix_others = Role::kViewer;
  auto access = Make(true);
  const auto of = [](uid_t uid) { return Claims{.authorization = {}, .names = {}, .uid = uid}; };
  for (const uid_t uid : {uid_t{0}, ::geteuid()}) {
    EXPECT_EQ(CodeOf(*access, of(uid), kChange), StatusCode::kOk);
  }
  const uid_t other = ::geteuid() + 4242;
  EXPECT_EQ(CodeOf(*access, of(other), kRead), StatusCode::kOk);
  EXPECT_EQ(CodeOf(*access, of(other), kChange), StatusCode::kPermissionDenied);
  options_.unix_others = Role::kNone;
  access = Make(true);
  EXPECT_EQ(CodeOf(*access, of(other), kRead), StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(*access, of(other), kHealth), StatusCode::kOk);
  options_.unix_others = Role::kOperator;
  EXPECT_EQ(CodeOf(*Make(true), of(other), kChange), StatusCode::kOk);
}

TEST_F(AccessTest, ATokenGoesBeforeTheUser) {
  options_.unix_others = Role::kNone;
  const auto access = Make(true);
  Claims claims = Token(kViewerToken);
  claims.uid = ::geteuid();
  EXPECT_EQ(CodeOf(*access, claims, kChange), StatusCode::kPermissionDenied);
  claims.authorization = {"Bearer nonsense"};
  EXPECT_EQ(CodeOf(*access, claims, kRead), StatusCode::kUnauthenticated);
  claims.authorization = {absl::StrCat("Bearer ", kOperatorToken)};
  claims.uid = ::geteuid() + 4242;
  EXPECT_EQ(CodeOf(*access, claims, kChange), StatusCode::kOk);
}

TEST_F(AccessTest, ChangedTokensCountWithinSeconds) {
  const auto access = Make();
  Replace("viewer bob another-0123456789\n");
  EXPECT_TRUE(Eventually(
      [&] { return CodeOf(*access, Token("another-0123456789"), kRead) == StatusCode::kOk; }));
  EXPECT_EQ(CodeOf(*access, Token(kOperatorToken), kRead), StatusCode::kUnauthenticated);
}

TEST_F(AccessTest, ABadFileLeavesTheTokensAsTheyWere) {
  const auto access = Make();
  Replace("operator eve short\n");
  EXPECT_TRUE(Eventually([&] {
    return Log().find(absl::StrCat(options_.token_file, ": line 1: a token has 16 to 1024")) !=
           std::string::npos;
  }));
  EXPECT_THAT(Log(), HasSubstr("the previous version stays in use"));
  EXPECT_EQ(CodeOf(*access, Token(kOperatorToken), kChange), StatusCode::kOk);
  Replace("# nobody\n");
  EXPECT_TRUE(Eventually([&] {
    return CodeOf(*access, Token(kOperatorToken), kRead) == StatusCode::kUnauthenticated;
  }));
}

TEST_F(AccessTest, AFileThatOthersMayReadIsWarnedOf) {
  const auto access = Make();
  EXPECT_THAT(Log(), Not(HasSubstr("readable by all users")));
  std::filesystem::permissions(options_.token_file, std::filesystem::perms{0644});
  Make();
  EXPECT_THAT(Log(), HasSubstr("the tokens are readable by all users"));
}

TEST_F(AccessTest, FilesThatCannotBeUsedEndTheStart) {
  AdminAddress address;
  const std::string pipe = dir_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {dir_.path() + "/missing", dir_.path(), pipe,
                                  dir_.Write("bad", "operator"), std::string("/dev/zero")}) {
    options_.token_file = path;
    const auto access = AdminAccess::Create(address, options_, timers_, log_);
    ASSERT_FALSE(access.ok()) << path;
    EXPECT_THAT(std::string(access.status().message()), HasSubstr(path));
  }
}

}  // namespace
}  // namespace echogw::server
