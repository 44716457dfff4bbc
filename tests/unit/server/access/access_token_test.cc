// Goal: a token file says who may do what, and hostile text in it is refused without being
// repeated; only exact tokens are found. Method: texts, and the methods of the service as its
// descriptor has them.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "echogw/admin/v1/admin.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/access/token_table.h"
#include "server/base/role.h"

namespace echogw::server {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kToken[] = "0123456789abcdef";
// Of kToken.
constexpr char kHash[] = "sha256:9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";

std::string ErrorOf(const std::string& text) {
  const auto table = TokenTable::Parse(text);
  EXPECT_FALSE(table.ok()) << text;
  return std::string(table.status().message());
}

TEST(TokenTable, FindsPlainAndHashedTokens) {
  const auto table = TokenTable::Parse(absl::StrCat("# people\n\n  operator alice\t", kToken,
                                                    "XYZ\r\nviewer graf-1._@x ", kHash, "\n#end"));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size(), 2U);
  EXPECT_TRUE(table->has_plain());
  const auto* alice = table->Find(absl::StrCat(kToken, "XYZ"));
  ASSERT_NE(alice, nullptr);
  EXPECT_EQ(alice->role, Role::kOperator);
  EXPECT_EQ(alice->name, "alice");
  const auto* graf = table->Find(kToken);
  ASSERT_NE(graf, nullptr);
  EXPECT_EQ(graf->role, Role::kViewer);
  EXPECT_EQ(graf->name, "graf-1._@x");
}

TEST(TokenTable, FindsNothingElse) {
  const auto table = TokenTable::Parse(absl::StrCat("operator a ", kToken));
  ASSERT_TRUE(table.ok());
  const std::string token = kToken;
  for (const std::string& wrong :
       {std::string(), token.substr(1), token.substr(0, 15), token + " ", " " + token, token + "0",
        token + std::string(1, '\0'), std::string(kHash), std::string(100'000, 'a'),
        std::string("0123456789ABCDEF")}) {
    EXPECT_EQ(table->Find(wrong), nullptr) << wrong;
  }
  EXPECT_EQ(TokenTable::Parse("# nobody\n")->Find(token), nullptr);
  EXPECT_EQ(TokenTable::Parse("")->size(), 0U);
  EXPECT_FALSE(TokenTable::Parse(absl::StrCat("operator a ", kHash))->has_plain());
}

TEST(TokenTable, RefusesWhatIsNotAToken) {
  const std::string secret = "s3cr3t-s3cr3t-s3cr3t";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {absl::StrCat("\n", secret), "line 2: needs three words"},
      {absl::StrCat("operator ", secret), "line 1: needs three words"},
      {absl::StrCat("operator a ", secret, " x"), "line 1: needs three words"},
      {absl::StrCat(secret, " operator a"), "line 1: must begin with viewer or operator"},
      {absl::StrCat("Operator a ", secret), "line 1: must begin with viewer or operator"},
      {absl::StrCat("viewer a/b ", secret), "line 1: a name has"},
      {absl::StrCat("viewer ", std::string(65, 'a'), " ", secret), "line 1: a name has"},
      {"viewer a 123456789012345", "line 1: a token has 16 to 1024 characters"},
      {absl::StrCat("viewer a ", std::string(1025, 'a')), "line 1: a token has 16 to"},
      {absl::StrCat("viewer a ", secret, "\"'"), "line 1: a token is made of letters"},
      {absl::StrCat("viewer a ", secret, "\x01"), "line 1: a token is made of letters"},
      {absl::StrCat("viewer a ", secret, "\xff"), "line 1: a token is made of letters"},
      {"viewer a sha256:abc", "line 1: sha256: is not followed by 64 hexadecimal digits"},
      {absl::StrCat("viewer a sha256:", std::string(64, 'g')), "line 1: sha256: is not followed"},
      {absl::StrCat("viewer a ", secret, "\nviewer b ", secret), "line 2: duplicate token"},
      {absl::StrCat("viewer a ", kHash, "\nviewer b ", kToken), "line 2: duplicate token"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_THAT(ErrorOf(text), StartsWith(error));
    EXPECT_THAT(ErrorOf(text), Not(HasSubstr(secret)));
  }
}

TEST(TokenTable, HasAThousandTokensAtMost) {
  std::string text;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, "viewer v ", kToken, i, "\n");
  EXPECT_TRUE(TokenTable::Parse(text).ok());
  absl::StrAppend(&text, "viewer v ", kToken, "x");
  EXPECT_THAT(ErrorOf(text), StartsWith("line 1001: more than 1000"));
}

TEST(RoleNeeded, OfEveryMethodOfTheService) {
  const auto* service = admin::v1::GetInfoRequest::descriptor()->file()->FindServiceByName("Admin");
  ASSERT_NE(service, nullptr);
  std::set<std::string> viewers;
  ASSERT_GT(service->method_count(), 0);
  for (int i = 0; i < service->method_count(); ++i) {
    const std::string name = service->method(i)->name();
    const Role needed = RoleNeeded(absl::StrCat("/", service->full_name(), "/", name));
    EXPECT_NE(needed, Role::kNone) << name;
    if (needed == Role::kViewer) viewers.insert(name);
  }
  // A method that is new has to be put here on purpose, if a viewer may call it.
  EXPECT_THAT(viewers, testing::UnorderedElementsAreArray(
                           {"GetConnection", "GetInfo", "GetLimits", "GetOperation", "GetStats",
                            "ListConnections", "ListEvents", "ListReactors", "SetLogLevel",
                            "WatchConnections", "WatchEvents", "WatchOperation", "WatchStats"}));
}

TEST(RoleNeeded, IsTheHighestForWhatIsNotKnown) {
  EXPECT_EQ(RoleNeeded("/grpc.health.v1.Health/Check"), Role::kNone);
  EXPECT_EQ(RoleNeeded("/grpc.health.v1.Health/Watch"), Role::kNone);
  EXPECT_EQ(RoleNeeded("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
            Role::kViewer);
  EXPECT_EQ(RoleNeeded("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"), Role::kViewer)
      << "clients need UNIMPLEMENTED to try v1alpha";
  for (const char* path :
       {"", "/", "//", "GetInfo", "/GetInfo", "/echogw.admin.v1.Admin", "/echogw.admin.v1.Admin/",
        "/echogw.admin.v1.Admin/Get", "/echogw.admin.v1.Admin/Getaway",
        "/echogw.admin.v1.Admin//GetInfo", "/echogw.admin.v1.admin/GetInfo",
        "/echogw.admin.v2.Admin/GetInfo", "/x/echogw.admin.v1.Admin/GetInfo",
        "/grpc.health.v1.HealthX/Check", "/grpc.channelz.v1.Channelz/GetServers"}) {
    EXPECT_EQ(RoleNeeded(path), Role::kOperator) << path;
  }
}

}  // namespace
}  // namespace echogw::server
