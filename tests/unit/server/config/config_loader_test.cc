// Goal: one precedence, every key validated, errors that name their source. Method: sources and a
// machine made up by the test.
#include "server/config/config_loader.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/config_file.h"
#include "server/config/config_keys.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Machine kFourCpus{.affinity = {0, 1, 2, 5}, .cpu_quota = std::nullopt, .has_ipv6 = true};

LoadedConfig Load(const KeyValues& flags, const Environment& environment = {},
                  const std::string& path = "", const Machine& machine = kFourCpus) {
  auto loaded = LoadConfig(flags, environment, path, machine);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded.ok() ? *std::move(loaded) : LoadedConfig();
}

std::string ErrorOf(const KeyValues& flags, const Environment& environment = {},
                    const std::string& path = "", const Machine& machine = kFourCpus) {
  const auto loaded = LoadConfig(flags, environment, path, machine);
  EXPECT_FALSE(loaded.ok());
  return std::string(loaded.status().message());
}

const Setting& Find(const LoadedConfig& loaded, const std::string& key) {
  for (const Setting& setting : loaded.settings) {
    if (setting.key == key) return setting;
  }
  ADD_FAILURE() << "no setting " << key;
  return loaded.settings.front();
}

// On a thread of its own, which keeps the filter: these system calls do not exist there.
Config LoadWithout(const std::vector<std::uint32_t>& calls, std::string& meaning) {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const std::uint32_t call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  Config out;
  std::thread([&] {
    const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                            .filter = program.data()};
    ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
    const LoadedConfig loaded = Load({{"poller", {"auto"}}});
    out = loaded.config;
    meaning = Find(loaded, "poller").meaning;
  }).join();
  return out;
}

TEST(ConfigLoader, AutoTakesTheBestPollerOfTheSystem) {
  std::vector<std::uint32_t> missing;
  std::string meaning;
  EXPECT_EQ(LoadWithout(missing, meaning).reactor.poller, PollerKind::kEpoll);
  EXPECT_EQ(meaning, "epoll");
  missing.push_back(SYS_epoll_create1);
  EXPECT_EQ(LoadWithout(missing, meaning).reactor.poller, PollerKind::kPoll);
  EXPECT_EQ(meaning, "poll");
  missing.push_back(SYS_ppoll);
#ifdef SYS_poll
  missing.push_back(SYS_poll);
#endif
  EXPECT_EQ(LoadWithout(missing, meaning).reactor.poller, PollerKind::kSelect);
  EXPECT_EQ(meaning, "select");
}

TEST(ConfigLoader, DefaultsAreTheDocumentedOnes) {
  const LoadedConfig loaded = Load({});
  const Config& config = loaded.config;
  ASSERT_EQ(config.listen.size(), 1U);
  EXPECT_EQ(config.listen[0].ToString(), "[::]:7000");
  EXPECT_TRUE(config.listen[0].dual_stack);
  EXPECT_EQ(config.reactors, 4U);
  EXPECT_THAT(config.cpus, ElementsAre(0, 1, 2, 5));
  EXPECT_EQ(config.reactor.poller, PollerKind::kEpoll);
  EXPECT_EQ(config.reactor.transform, Transform::kNone);
  EXPECT_EQ(config.reactor.buffer_bytes, ReactorOptions().buffer_bytes);
  EXPECT_EQ(config.reactor.turn_bytes, ReactorOptions().turn_bytes);
  EXPECT_EQ(config.reactor.limits, Limits());
  EXPECT_EQ(config.reactor.stall_threshold, ReactorOptions().stall_threshold);
  EXPECT_EQ(config.reactor.spin, seconds(0));
  EXPECT_EQ(config.listen_options.backlog, ListenOptions().backlog);
  EXPECT_TRUE(config.listen_options.tcp_nodelay);
  EXPECT_EQ(config.admin.ToString(), "127.0.0.1:7001");
  ASSERT_TRUE(config.metrics.has_value());
  EXPECT_EQ(config.metrics->ToString(), "127.0.0.1:7002");
  EXPECT_EQ(config.log.console, LogThreshold::kInfo);
  EXPECT_EQ(config.log.file, "");
  EXPECT_TRUE(config.steering);
  EXPECT_FALSE(config.allow_shared_port);
  EXPECT_TRUE(config.listen_udp.empty());
  EXPECT_EQ(config.drain.deadline, DrainRequest().deadline);
  EXPECT_EQ(config.drain.quiet_period, DrainRequest().quiet_period);
  EXPECT_EQ(config.drain.quiet_max_wait, DrainRequest().quiet_max_wait);
  EXPECT_EQ(config.drain.spread, DrainRequest().spread);
  EXPECT_EQ(config.drain.refuse, RefuseMode::kAccept);
  EXPECT_FALSE(config.drain.reactor.has_value());
  EXPECT_EQ(loaded.settings.size(), ConfigKeys().size());
  for (const Setting& setting : loaded.settings) EXPECT_EQ(setting.source, "default");
}

TEST(ConfigLoader, FlagsBeatEnvironmentBeatsFileBeatsDefaults) {
  const TempDir dir;
  const std::string path =
      dir.Write("e.toml", "reactors = 1\nbacklog = 1\ntransform = \"upper\"\n");
  const LoadedConfig loaded =
      Load({{"reactors", {"3"}}}, {{"ECHOGW_REACTORS", "2"}, {"ECHOGW_BACKLOG", "2"}}, path);
  EXPECT_EQ(loaded.config.reactors, 3U);
  EXPECT_EQ(loaded.config.listen_options.backlog, 2);
  EXPECT_EQ(loaded.config.reactor.transform, Transform::kUpper);
  EXPECT_EQ(Find(loaded, "reactors").source, "--reactors");
  EXPECT_EQ(Find(loaded, "backlog").source, "ECHOGW_BACKLOG");
  EXPECT_EQ(Find(loaded, "transform").source, path + ":3");
  EXPECT_EQ(Find(loaded, "listen").source, "default");
}

TEST(ConfigLoader, AListIsReplacedAsAWhole) {
  const TempDir dir;
  const std::string path = dir.Write("e.toml", "listen = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n");
  EXPECT_EQ(Load({}, {}, path).config.listen.size(), 2U);
  EXPECT_EQ(Load({}, {{"ECHOGW_LISTEN", "127.0.0.1:3, [::1]:4,:5"}}, path).config.listen.size(),
            3U);
  EXPECT_EQ(Load({{"listen", {":9"}}}, {{"ECHOGW_LISTEN", ":3,:4"}}, path).config.listen.size(),
            1U);
}

TEST(ConfigLoader, OnlyVariablesAreSplitAtCommas) {
  const TempDir dir;
  const std::string path = dir.Write("e.toml",
                                     "listen = [\"unix:/run/a,b.sock\"]\n"
                                     "admin-tls-operators = [\"Doe, Jane\"]\n");
  const KeyValues tls = {{"admin-tls-cert", {"c"}},
                         {"admin-tls-key", {"k"}},
                         {"admin-tls-client-ca", {"ca"}},
                         {"admin-tls-viewers", {"Roe, Rick"}}};
  const Config config = Load(tls, {}, path).config;
  EXPECT_THAT(config.admin_access.tls_operators, ElementsAre("Doe, Jane"));
  EXPECT_THAT(config.admin_access.tls_viewers, ElementsAre("Roe, Rick"));
  ASSERT_EQ(config.listen.size(), 1U);
  EXPECT_EQ(config.listen[0].unix_path, "/run/a,b.sock");
}

TEST(ConfigLoader, TheFileMayComeFromTheEnvironment) {
  const TempDir dir;
  const std::string a = dir.Write("a.toml", "reactors = 1\n");
  const std::string b = dir.Write("b.toml", "reactors = 2\n");
  EXPECT_EQ(Load({}, {{"ECHOGW_CONFIG", a}}).config.reactors, 1U);
  EXPECT_EQ(Load({}, {{"ECHOGW_CONFIG", a}}, b).config.reactors, 2U);
  EXPECT_THAT(ErrorOf({}, {{"ECHOGW_CONFIG", dir.path() + "/c.toml"}}), HasSubstr("c.toml"));
}

TEST(ConfigLoader, AnEmptyVariableIsNotSet) {
  const LoadedConfig loaded = Load({}, {{"ECHOGW_REACTORS", ""}, {"ECHOGW_CONFIG", ""}});
  EXPECT_EQ(Find(loaded, "reactors").source, "default");
}

TEST(ConfigLoader, ErrorsNameTheirSource) {
  const TempDir dir;
  const std::string path = dir.Write("e.toml", "\nreactors = 300\n");
  const std::string allowed = "'300' is not auto or a number from 1 to 256";
  EXPECT_EQ(ErrorOf({{"reactors", {"300"}}}), "--reactors: " + allowed);
  EXPECT_EQ(ErrorOf({}, {{"ECHOGW_REACTORS", "300"}}), "ECHOGW_REACTORS: " + allowed);
  EXPECT_EQ(ErrorOf({}, {}, path), path + ":2: reactors: " + allowed);
}

TEST(ConfigLoader, ValuesThatCannotBePrintedAreRefused) {
  const std::string why = "the value holds a control character or is not UTF-8";
  for (const char* value : {"a\nb", "a\x1b[2J", "a\x7f", "a\xff", "\xc0\xaf", "\xed\xa0\x80",
                            "\xe2\x82", "\xf4\x90\x80\x80", "\xe0\x80\x80"}) {
    EXPECT_EQ(ErrorOf({{"log-file", {value}}}), "--log-file: " + why);
    EXPECT_EQ(ErrorOf({}, {{"ECHOGW_REACTORS", value}}), "ECHOGW_REACTORS: " + why);
    EXPECT_THAT(ErrorOf({}, {}, value), HasSubstr("config: the path holds a control character"));
  }
  for (const char* value : {"/var/log/gr\xc3\xb6\xc3\x9f"
                            "e.log",
                            "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    EXPECT_EQ(Load({{"log-file", {value}}}).config.log.file, value);
  }
}

TEST(ConfigLoader, EveryKeyRefusesNonsense) {
  for (const ConfigKey& key : ConfigKeys()) {
    // Any text is a path, or a name of a certificate or of this gateway.
    if (key.name == "log-file" || key.metavar == "FILE" || key.metavar == "NAME") continue;
    if (key.name == "instance") continue;
    EXPECT_THAT(ErrorOf({{key.name, {"nonsense!"}}}), HasSubstr("--" + key.name + ": "));
    if (key.name == "listen-udp") continue;  // none is the default
    EXPECT_THAT(ErrorOf({{key.name, {""}}}), HasSubstr("--" + key.name + ": "));
  }
}

TEST(ConfigLoader, EveryDefaultIsValidAndRoundTrips) {
  const LoadedConfig loaded = Load({{"listen", {"127.0.0.1:1", "[::1]:2"}}, {"cpus", {"0-1,5"}}});
  const TempDir dir;
  const std::string text = FormatConfig(loaded.settings);
  const LoadedConfig again = Load({}, {}, dir.Write("e.toml", text));
  ASSERT_EQ(again.settings.size(), loaded.settings.size());
  for (std::size_t i = 0; i < again.settings.size(); ++i) {
    EXPECT_EQ(again.settings[i].key, loaded.settings[i].key);
    EXPECT_EQ(again.settings[i].values, loaded.settings[i].values) << again.settings[i].key;
    EXPECT_THAT(again.settings[i].source, HasSubstr("e.toml:"));
  }
}

TEST(ConfigLoader, ListenAddresses) {
  const Machine no_ipv6{.affinity = {0}, .cpu_quota = std::nullopt, .has_ipv6 = false};
  EXPECT_EQ(Load({}, {}, "", no_ipv6).config.listen[0].ToString(), "0.0.0.0:7000");
  EXPECT_EQ(Load({{"listen", {"[::]:1"}}}, {}, "", no_ipv6).config.listen[0].ToString(), "[::]:1");
  const auto dual = Load({{"listen", {"[::]:1"}}}).config.listen[0];
  EXPECT_TRUE(dual.dual_stack);
  EXPECT_FALSE(Load({{"listen", {"[::1]:1"}}}).config.listen[0].dual_stack);
  EXPECT_FALSE(Load({{"listen", {"0.0.0.0:1"}}}).config.listen[0].dual_stack);
  EXPECT_EQ(Load({{"listen", {":0", ":0"}}}).config.listen.size(), 2U);
  EXPECT_THAT(ErrorOf({{"listen", {":1", ":1"}}}), HasSubstr("same address"));
  EXPECT_THAT(ErrorOf({{"listen", {":1", "0.0.0.0:1"}}}), HasSubstr("same address"));
  EXPECT_THAT(ErrorOf({{"listen", {"127.0.0.1:1", "localhost:1"}}}), HasSubstr("same address"));
  EXPECT_THAT(ErrorOf({}, {{"ECHOGW_LISTEN", ":1,,:2"}}), HasSubstr("ECHOGW_LISTEN: "));
  const auto udp =
      Load({{"listen-udp", {":7000", "127.0.0.1:0", "127.0.0.1:0"}}}).config.listen_udp;
  ASSERT_EQ(udp.size(), 3U);
  EXPECT_TRUE(udp[0].dual_stack);
  EXPECT_TRUE(Load({{"listen-udp", {""}}}).config.listen_udp.empty());
  EXPECT_THAT(ErrorOf({{"listen-udp", {":1", "0.0.0.0:1"}}}), HasSubstr("same address"));
  EXPECT_THAT(ErrorOf({{"listen-udp", {"here"}}}), HasSubstr("--listen-udp: "));
  Load({{"listen-udp", {"127.0.0.1:7001"}}});  // TCP and UDP have ports of their own
}

TEST(ConfigLoader, LocalhostIsBothLoopbackAddresses) {
  const LoadedConfig loaded = Load({{"listen", {"discard@localhost:0"}},
                                    {"listen-udp", {"localhost:7"}},
                                    {"admin", {"localhost:0"}},
                                    {"metrics", {"localhost:0"}}});
  ASSERT_EQ(loaded.config.listen.size(), 2U);
  EXPECT_EQ(loaded.config.listen[0].Spec(), "discard@127.0.0.1:0");
  EXPECT_EQ(loaded.config.listen[1].Spec(), "discard@[::1]:0");
  EXPECT_TRUE(loaded.config.listen[1].takes_last_port) << "one port for both";
  ASSERT_EQ(loaded.config.listen_udp.size(), 2U);
  EXPECT_EQ(loaded.config.listen_udp[1].ToString(), "[::1]:7");
  EXPECT_EQ(loaded.config.admin.ToString(), "127.0.0.1:0");
  EXPECT_EQ(loaded.config.admin.loopback_v6->ToString(), "[::1]:0");
  EXPECT_EQ(loaded.config.metrics->ToString(), "127.0.0.1:0");
  EXPECT_EQ(loaded.config.metrics_loopback_v6->ToString(), "[::1]:0");
  EXPECT_THAT(ErrorOf({{"admin", {"[::1]:5"}}, {"metrics", {"localhost:5"}}}),
              HasSubstr("metrics: [::1]:5 is in the way of admin"));
  EXPECT_THAT(ErrorOf({{"listen", {"[::1]:5"}}, {"admin", {"localhost:5"}}}),
              HasSubstr("[::1]:5 is in the way"));
  EXPECT_THAT(ErrorOf({{"listen", {"[::1]:5", "localhost:5"}}}), HasSubstr("same address"));

  const Machine no_ipv6{.affinity = {0}, .has_ipv6_loopback = false};
  const LoadedConfig v4 =
      Load({{"listen", {"localhost:1"}}, {"admin", {"localhost:2"}}}, {}, "", no_ipv6);
  EXPECT_EQ(v4.config.listen.size(), 1U);
  EXPECT_FALSE(v4.config.admin.loopback_v6.has_value());
}

TEST(ConfigLoader, ReactorsFollowMaskAndQuota) {
  const Machine quota{.affinity = {0, 1, 2, 3}, .cpu_quota = 1.5, .has_ipv6 = true};
  EXPECT_EQ(Load({}, {}, "", quota).config.reactors, 2U);
  EXPECT_EQ(Load({{"reactors", {"256"}}}, {}, "", quota).config.reactors, 256U);
  EXPECT_EQ(Find(Load({}, {}, "", quota), "reactors").meaning, "2");
}

TEST(ConfigLoader, ReactorsArePinnedUnlessAQuotaSharesTheCpus) {
  Machine machine{.affinity = {0, 1, 2, 3}, .cpu_quota = 2.5, .has_ipv6 = true};
  // Others with a quota would pin to the same ones.
  EXPECT_THAT(Load({}, {}, "", machine).config.cpus, IsEmpty());
  EXPECT_EQ(Find(Load({}, {}, "", machine), "cpus").meaning, "none");
  EXPECT_THAT(Load({{"cpus", {"0-1"}}}, {}, "", machine).config.cpus, ElementsAre(0, 1));
  // These are all ours.
  for (const double whole : {3.1, 4.0, 64.0}) {
    machine.cpu_quota = whole;
    EXPECT_EQ(Find(Load({}, {}, "", machine), "cpus").meaning, "0-3") << whole;
  }
}

TEST(ConfigLoader, CpusAreValidatedAgainstTheMask) {
  EXPECT_THAT(Load({{"cpus", {"none"}}}).config.cpus, IsEmpty());
  EXPECT_THAT(Load({{"cpus", {"1-2,5"}}}).config.cpus, ElementsAre(1, 2, 5));
  EXPECT_EQ(ErrorOf({{"cpus", {"1-3"}}}),
            "--cpus: CPU 3 is not in the affinity mask of this process (0-2,5)");
}

TEST(ConfigLoader, MetricsAddresses) {
  EXPECT_FALSE(Load({{"metrics", {"off"}}}).config.metrics.has_value());
  EXPECT_EQ(Load({{"metrics", {"0.0.0.0:1"}}}).config.metrics->ToString(), "0.0.0.0:1");
  EXPECT_EQ(Load({{"metrics", {"[::1]:1"}}}).config.metrics->ToString(), "[::1]:1");
  EXPECT_FALSE(Load({{"metrics", {"[::1]:1"}}}).config.metrics->dual_stack);
  const LoadedConfig all = Load({{"metrics", {":1"}}});
  EXPECT_EQ(all.config.metrics->ToString(), "[::]:1");
  EXPECT_TRUE(all.config.metrics->dual_stack);
}

TEST(ConfigLoader, AdminAddresses) {
  EXPECT_EQ(Load({{"admin", {"unix:/a/b"}}}).config.admin.unix_path, "/a/b");
  EXPECT_EQ(Load({{"admin", {":1"}}, {"admin-allow-insecure", {"on"}}}).config.admin.ToString(),
            "[::]:1");
  EXPECT_EQ(Load({{"admin", {"[::1]:1"}}}).config.admin.ToString(), "[::1]:1");
}

TEST(ConfigLoader, EveryServiceNeedsAPortOfItsOwn) {
  EXPECT_EQ(ErrorOf({{"listen", {"127.0.0.1:7001"}}}),
            "admin: 127.0.0.1:7001 is in the way of listen 127.0.0.1:7001; choose another port");
  EXPECT_THAT(ErrorOf({{"listen", {":7001"}}}), HasSubstr("admin: "));
  EXPECT_THAT(ErrorOf({{"listen", {"0.0.0.0:7002"}}}), HasSubstr("metrics: "));
  EXPECT_THAT(ErrorOf({{"admin", {":7002"}}}), HasSubstr("metrics: "));
  Load({{"listen", {"[::1]:7001"}}});
  Load({{"listen", {"127.0.0.2:7001"}}});
  Load({{"listen", {":7001"}}, {"admin", {"unix:/a"}}});
  Load({{"listen", {":7002"}}, {"metrics", {"off"}}});
  Load({{"listen", {"127.0.0.1:0"}}, {"admin", {"127.0.0.1:0"}}, {"metrics", {"127.0.0.1:0"}}});
}

TEST(ConfigLoader, TheConsoleIsQuieterBesideALogFile) {
  EXPECT_EQ(Load({{"log-file", {"/l"}}}).config.log.console, LogThreshold::kError);
  EXPECT_EQ(Load({{"log-file", {"/l"}}}).config.log.file_level, LogThreshold::kDebug);
  EXPECT_EQ(Load({{"log-file", {"/l"}}, {"log-level", {"warn"}}}).config.log.console,
            LogThreshold::kWarning);
  EXPECT_EQ(Load({{"log-level", {"off"}}}).config.log.console, LogThreshold::kOff);
}

TEST(ConfigLoader, SizesAndTimesReachTheirFields) {
  const Config config = Load({{"buffer-size", {"1MiB"}},
                              {"rcvbuf", {"8k"}},
                              {"sndbuf", {"16k"}},
                              {"stall-threshold", {"5ms"}},
                              {"spin-us", {"50"}},
                              {"max-connections", {"10"}},
                              {"drain-deadline", {"7s"}},
                              {"drain-quiet-period", {"1ms"}},
                              {"drain-quiet-max-wait", {"2ms"}},
                              {"drain-spread", {"0s"}},
                              {"drain-refuse", {"silent"}},
                              {"steering", {"off"}},
                              {"allow-shared-port", {"on"}},
                              {"poller", {"select"}},
                              {"log-file-max-size", {"4KiB"}},
                              {"log-file-count", {"2"}},
                              {"log-format", {"json"}}})
                            .config;
  EXPECT_EQ(config.reactor.buffer_bytes, 1U << 20U);
  EXPECT_GE(config.reactor.turn_bytes, config.reactor.buffer_bytes);
  EXPECT_EQ(config.listen_options.receive_buffer_bytes, 8192);
  EXPECT_EQ(config.listen_options.send_buffer_bytes, 16384);
  EXPECT_EQ(config.reactor.stall_threshold, milliseconds(5));
  EXPECT_EQ(config.reactor.spin, std::chrono::microseconds(50));
  EXPECT_EQ(config.reactor.limits.max_connections, 10U);
  EXPECT_EQ(config.drain.deadline, seconds(7));
  EXPECT_EQ(config.drain.quiet_period, milliseconds(1));
  EXPECT_EQ(config.drain.quiet_max_wait, milliseconds(2));
  EXPECT_EQ(config.drain.spread, seconds(0));
  EXPECT_EQ(config.drain.refuse, RefuseMode::kSilent);
  EXPECT_FALSE(config.steering);
  EXPECT_TRUE(config.allow_shared_port);
  EXPECT_EQ(config.reactor.poller, PollerKind::kSelect);
  EXPECT_EQ(config.log.file_max_bytes, 4096U);
  EXPECT_EQ(config.log.file_count, 2U);
  EXPECT_EQ(config.log.format, LogFormat::kJson);
}

}  // namespace
}  // namespace echogw::server
