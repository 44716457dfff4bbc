// Goal: what a listen address may say of its service, and one line for what it may not.
#include "server/config/protocol_config.h"

#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/config_loader.h"
#include "server/config/pool_options.h"

namespace echogw::server {
namespace {

using testing::HasSubstr;

const Machine kTwoCpus{.affinity = {0, 1}, .cpu_quota = std::nullopt, .has_ipv6 = true};

absl::StatusOr<LoadedConfig> LoadProtocols(const KeyValues& flags,
                                           const Environment& environment = {}) {
  return LoadConfig(flags, environment, "", kTwoCpus);
}

std::string ProtocolErrorOf(const KeyValues& flags) {
  const auto loaded = LoadProtocols(flags);
  EXPECT_FALSE(loaded.ok());
  return std::string(loaded.status().message());
}

TEST(ProtocolConfig, WordsInFrontOfAnAddressSayWhatIsServed) {
  const auto loaded = LoadProtocols(
      {{"listen",
        {":1", "discard@:2", "proxy+banner@127.0.0.1:3", "echo+proxy-optional@[::1]:4"}}});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto& listen = loaded->config.listen;
  ASSERT_EQ(listen.size(), 4U);
  EXPECT_TRUE(listen[0].service.plain());
  EXPECT_EQ(listen[0].Spec(), "[::]:1");
  EXPECT_EQ(listen[1].service.mode, FindServiceMode("discard"));
  EXPECT_EQ(listen[1].Spec(), "discard@[::]:2");
  EXPECT_TRUE(listen[1].dual_stack);
  EXPECT_EQ(listen[2].service,
            (Service{.mode = FindServiceMode("banner"), .proxy = ProxyUse::kRequired}));
  EXPECT_EQ(listen[2].Spec(), "proxy+banner@127.0.0.1:3");
  EXPECT_EQ(listen[3].service.proxy, ProxyUse::kOptional);
  EXPECT_EQ(listen[3].Spec(), "proxy-optional@[::1]:4");
  // From the environment as well, and the pool is told.
  const auto chargen = LoadProtocols({}, {{"ECHOGW_LISTEN", "127.0.0.1:1,chargen@127.0.0.1:19"}});
  ASSERT_TRUE(chargen.ok());
  EXPECT_EQ(ToPoolOptions(*chargen, {}).listen[1].service.mode, FindServiceMode("chargen"));
}

TEST(ProtocolConfig, AUnixSocketIsAnAddressLikeOthers) {
  const auto loaded =
      LoadProtocols({{"listen", {"unix:/run/a@b.sock", "tls+banner@unix:/run/c.sock", ":7"}},
                     {"unix-mode", {"0600"}},
                     {"tls-cert", {"c.pem"}},
                     {"tls-key", {"k.pem"}}});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto& listen = loaded->config.listen;
  EXPECT_EQ(listen[0].unix_path, "/run/a@b.sock");
  EXPECT_TRUE(listen[0].service.plain());
  EXPECT_EQ(listen[1].Spec(), "tls+banner@unix:/run/c.sock");
  EXPECT_EQ(listen[2].host, "::");
  EXPECT_EQ(loaded->config.listen_options.unix_mode, 0600U);
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"unix:"}}}), HasSubstr("no path"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"unix:/a", "discard@unix:/a"}}}),
              HasSubstr("covers the same address"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"unix:/a"}}, {"admin", {"unix:/a"}}}),
              HasSubstr("is in the way of"));
  EXPECT_THAT(ProtocolErrorOf({{"unix-mode", {"0888"}}}), HasSubstr("not a file mode"));
}

TEST(ProtocolConfig, TlsNeedsACertificateAndACertificateTls) {
  const KeyValues files = {{"tls-cert", {"c.pem"}}, {"tls-key", {"k.pem"}}};
  KeyValues flags = files;
  flags["listen"] = {"proxy-optional+tls+chargen@:1"};
  const auto loaded = LoadProtocols(flags);
  ASSERT_TRUE(loaded.ok()) << "a client of TLS speaks first: " << loaded.status();
  EXPECT_EQ(loaded->config.listen[0].Spec(), "proxy-optional+tls+chargen@[::]:1");
  EXPECT_EQ(loaded->config.tls_cert, "c.pem");
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"tls@:1"}}}), HasSubstr("needs tls-cert and tls-key"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"tls+tls@:1"}}}),
              HasSubstr("'tls+tls@' says tls twice"));
  EXPECT_THAT(ProtocolErrorOf({{"tls-cert", {"c.pem"}}}), HasSubstr("need each other"));
  EXPECT_THAT(ProtocolErrorOf(files), HasSubstr("no address is served by TLS"));
}

TEST(ProtocolConfig, APassedSocketServesWhatIsConfiguredForItsAddress) {
  const auto loaded = LoadProtocols({{"listen", {"discard@127.0.0.1:9"}}});
  ASSERT_TRUE(loaded.ok());
  const PoolOptions options =
      ToPoolOptions(*loaded, {{.fd = 3, .address = {.host = "127.0.0.1", .port = 9}}});
  ASSERT_EQ(options.listen.size(), 1U);
  EXPECT_EQ(options.listen[0].service.mode, FindServiceMode("discard"));
}

TEST(ProtocolConfig, ErrorsSayWhatIsAllowed) {
  EXPECT_THAT(
      ProtocolErrorOf({{"listen", {"daytime@:13"}}}),
      HasSubstr("--listen: 'daytime' is not one of echo, discard, chargen, banner, tls, proxy"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"@:13"}}}), HasSubstr("'' is not one of"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"echo+discard@:9"}}}), HasSubstr("names two modes"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"proxy+proxy@:9"}}}), HasSubstr("twice"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"proxy-optional+chargen@:9"}}}),
              HasSubstr("chargen speaks first; use proxy"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {"discard@nowhere"}}}), HasSubstr("write HOST:PORT"));
  EXPECT_THAT(ProtocolErrorOf({{"listen", {":7", "discard@:7"}}}),
              HasSubstr("covers the same address"));
  EXPECT_THAT(ProtocolErrorOf({{"handshake-timeout", {"0s"}}}),
              HasSubstr("--handshake-timeout: '0s'"));
  for (const char* name : {"", "two words", "tab\t"}) {
    EXPECT_THAT(ProtocolErrorOf({{"instance", {name}}}), HasSubstr("--instance: "));
  }
  EXPECT_THAT(ProtocolErrorOf({{"instance", {std::string(65, 'x')}}}), HasSubstr("1 to 64 bytes"));
}

TEST(ProtocolConfig, IoUringServesPlainEchoOverTcp) {
  EXPECT_TRUE(LoadProtocols({{"listen", {"127.0.0.1:7"}}, {"poller", {"io_uring"}}}).ok());
  for (const char* other : {"discard@:9", "proxy@:9", "unix:/run/echo.sock"}) {
    EXPECT_THAT(ProtocolErrorOf({{"listen", {other}}, {"poller", {"io_uring"}}}),
                HasSubstr("poller: io_uring serves plain TCP echo, not '"));
  }
  EXPECT_THAT(ProtocolErrorOf({{"rate", {"1MiB"}}, {"poller", {"io_uring"}}}),
              HasSubstr("poller: io_uring has no rate and no output-buffer"));
  EXPECT_THAT(ProtocolErrorOf({{"output-buffer", {"1KiB"}}, {"poller", {"io_uring"}}}),
              HasSubstr("poller: io_uring has no rate and no output-buffer"));
}

TEST(ProtocolConfig, AnInstanceIsTheMachineUnlessItIsNamed) {
  const auto named = LoadProtocols({{"instance", {"gw-1"}}, {"handshake-timeout", {"250ms"}}});
  ASSERT_TRUE(named.ok());
  EXPECT_EQ(named->config.reactor.instance, "gw-1");
  EXPECT_EQ(named->config.reactor.handshake_timeout, std::chrono::milliseconds(250));
  const auto machine = LoadProtocols({});
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ(machine->config.reactor.instance, machine->config.reactor.host);
  EXPECT_NE(machine->config.reactor.host, "-");
}

}  // namespace
}  // namespace echogw::server
