// Goal: an admin port that strangers reach is refused unless it has TLS and asks who calls; keys
// that lack others are refused with one line that says what to do. Method: whole configurations.
#include "server/config/access_config.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/config_file.h"
#include "server/config/config_loader.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const Machine kMachine{.affinity = {0}, .cpu_quota = std::nullopt, .has_ipv6 = true};
const KeyValues kTls = {{"admin-tls-cert", {"c.pem"}}, {"admin-tls-key", {"k.pem"}}};

KeyValues With(KeyValues base, const KeyValues& more) {
  base.insert(more.begin(), more.end());
  return base;
}

std::string AccessErrorOf(const KeyValues& flags) {
  const auto loaded = LoadConfig(flags, {}, "", kMachine);
  return loaded.ok() ? "" : std::string(loaded.status().message());
}

TEST(AccessConfig, DefaultsLetTheOwnerIn) {
  const auto loaded = LoadConfig({}, {}, "", kMachine);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const AdminAccessOptions& access = loaded->config.admin_access;
  EXPECT_EQ(access.tls_cert, "");
  EXPECT_EQ(access.token_file, "");
  EXPECT_THAT(access.tls_operators, IsEmpty());
  EXPECT_EQ(access.unix_mode, 0600U);
  EXPECT_EQ(access.unix_others, Role::kViewer);
  EXPECT_FALSE(access.allow_insecure);
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST(AccessConfig, EveryKeyIsRead) {
  const auto loaded = LoadConfig(With(kTls, {{"admin-tls-client-ca", {"ca.pem"}},
                                             {"admin-tls-operators", {"a", "b", "spiffe://x/c"}},
                                             {"admin-tls-viewers", {"d"}},
                                             {"admin-unix-mode", {"660"}},
                                             {"admin-unix-others", {"none"}},
                                             {"admin-allow-insecure", {"on"}}}),
                                 {{"ECHOGW_ADMIN_TOKEN_FILE", "t"}}, "", kMachine);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const AdminAccessOptions& access = loaded->config.admin_access;
  EXPECT_EQ(access.tls_cert, "c.pem");
  EXPECT_EQ(access.tls_key, "k.pem");
  EXPECT_EQ(access.tls_client_ca, "ca.pem");
  EXPECT_THAT(access.tls_operators, ElementsAre("a", "b", "spiffe://x/c"));
  EXPECT_THAT(access.tls_viewers, ElementsAre("d"));
  EXPECT_EQ(access.token_file, "t");
  EXPECT_EQ(access.unix_mode, 0660U);
  EXPECT_EQ(access.unix_others, Role::kNone);
  EXPECT_TRUE(access.allow_insecure);
}

TEST(AccessConfig, ThePrintedFormIsReadBack) {
  const TempDir dir;
  const auto first = LoadConfig({}, {}, "", kMachine);
  const std::string file = dir.Write("e.toml", FormatConfig(first->settings));
  const auto second = LoadConfig({}, {}, file, kMachine);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->config.admin_access.tls_viewers, IsEmpty());
}

TEST(AccessConfig, LoopbackAndSocketsNeedNothing) {
  for (const char* admin : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1",
                            "[::ffff:127.0.0.1]:1", "unix:/tmp/x"}) {
    EXPECT_EQ(AccessErrorOf({{"admin", {admin}}}), "") << admin;
  }
}

TEST(AccessConfig, StrangersNeedTlsAndANameUnlessAllowed) {
  for (const char* admin : {"0.0.0.0:1", ":1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1",
                            "128.0.0.1:1", "[fe80::1]:1"}) {
    const KeyValues at = {{"admin", {admin}}};
    EXPECT_THAT(AccessErrorOf(at), HasSubstr("would have no TLS; set admin-tls-cert")) << admin;
    EXPECT_THAT(AccessErrorOf(With(at, {{"admin-token-file", {"t"}}})), HasSubstr("no TLS"))
        << admin;
    EXPECT_THAT(AccessErrorOf(With(at, kTls)), HasSubstr("every caller would be an operator; set"))
        << admin;
    for (const KeyValues& who :
         {KeyValues{{"admin-token-file", {"t"}}}, KeyValues{{"admin-tls-client-ca", {"a"}}},
          KeyValues{{"admin-allow-insecure", {"on"}}}}) {
      EXPECT_EQ(AccessErrorOf(With(With(at, kTls), who)), "") << admin;
    }
    EXPECT_EQ(AccessErrorOf(With(at, {{"admin-allow-insecure", {"on"}}})), "") << admin;
    EXPECT_THAT(AccessErrorOf(at), Not(HasSubstr("\n")));
  }
}

TEST(AccessConfig, WhatWasAllowedIsWarnedOf) {
  KeyValues flags = {{"admin", {"10.0.0.1:1"}}, {"admin-allow-insecure", {"on"}}};
  EXPECT_THAT(
      LoadConfig(flags, {}, "", kMachine)->warnings,
      ElementsAre("admin: no TLS on 10.0.0.1:1: anyone on the network path can read and change all "
                  "calls",
                  "admin: any caller that reaches 10.0.0.1:1 is an operator"));
  flags["admin-token-file"] = {"t"};
  EXPECT_THAT(LoadConfig(flags, {}, "", kMachine)->warnings,
              ElementsAre(HasSubstr("tokens included")));
}

TEST(AccessConfig, TokensOfTheExporterAreWarnedOfWithoutTls) {
  KeyValues flags = {{"metrics", {"10.0.0.1:1"}}, {"metrics-token-file", {"t"}}};
  EXPECT_THAT(LoadConfig(flags, {}, "", kMachine)->warnings,
              ElementsAre("metrics: no TLS on 10.0.0.1:1: anyone on the network path can read the "
                          "tokens"));
  flags["metrics"] = {"127.0.0.1:1"};
  EXPECT_THAT(LoadConfig(flags, {}, "", kMachine)->warnings, IsEmpty());
}

TEST(AccessConfig, KeysThatLackOthersAreRefused) {
  const std::vector<std::pair<KeyValues, std::string>> cases = {
      {{{"admin-tls-cert", {"c"}}}, "admin-tls-cert needs admin-tls-key as well"},
      {{{"admin-tls-key", {"k"}}}, "admin-tls-key needs admin-tls-cert as well"},
      {{{"admin-tls-client-ca", {"a"}}}, "admin-tls-client-ca needs admin-tls-cert and"},
      {With(kTls, {{"admin-tls-viewers", {"x"}}}), "a name of a client certificate needs"},
      {With(kTls, {{"admin", {"unix:/tmp/x"}}}), "admin-tls-cert: a unix socket has no TLS"},
      {With(kTls, {{"admin-tls-client-ca", {"a"}},
                   {"admin-tls-operators", {"x", "y"}},
                   {"admin-tls-viewers", {"y"}}}),
       "admin-tls-viewers: 'y' is also in admin-tls-operators"},
      {{{"metrics-tls-cert", {"c"}}}, "metrics-tls-cert needs metrics-tls-key as well"},
      {{{"metrics-tls-key", {"k"}}}, "metrics-tls-key needs metrics-tls-cert as well"},
      {{{"metrics", {"off"}}, {"metrics-token-file", {"t"}}},
       "metrics-token-file: the exporter is off"},
      {{{"metrics", {"off"}}, {"metrics-tls-cert", {"c"}}, {"metrics-tls-key", {"k"}}},
       "metrics-tls-cert: the exporter is off"},
      {{{"admin-unix-mode", {"888"}}}, "--admin-unix-mode: '888' is not a file mode"},
      {{{"admin-unix-mode", {"01777"}}}, "--admin-unix-mode: '01777' is not a file mode"},
      {{{"admin-unix-mode", {"1777"}}}, "--admin-unix-mode: '1777' is not a file mode"},
      {{{"admin-unix-mode", {""}}}, "--admin-unix-mode: '' is not a file mode"},
      {{{"admin-unix-others", {"root"}}}, "--admin-unix-others: 'root'"},
      {{{"admin-allow-insecure", {"yes"}}}, "--admin-allow-insecure: 'yes' is not on or off"},
  };
  for (const auto& [flags, error] : cases) EXPECT_THAT(AccessErrorOf(flags), StartsWith(error));
}

}  // namespace
}  // namespace echogw::server
