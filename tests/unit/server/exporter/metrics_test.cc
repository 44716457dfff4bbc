// Goal: every number of a snapshot is exported under its name, Prometheus' own linter has nothing
// to say, and no client can stall a scrape. Method: a real exporter on loopback over a FakeControl.
#include <sys/wait.h>
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/process_stats.h"
#include "server/exporter/gzip.h"
#include "server/exporter/metrics_collector.h"
#include "server/exporter/metrics_server.h"
#include "server/exporter/status_page.h"
#include "tests/unit/server/admin/fake_control.h"
#include "tests/unit/server/exporter/http_client.h"
#include "tests/unit/server/fake_log_control.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct FakeCallCounts final : AdminCallCounts {
  [[nodiscard]] std::vector<AdminCallCount> counts() const override {
    return {{"Admin/GetStats", "OK", 7}, {"other", "OK", 0}};
  }
  [[nodiscard]] RefusalCounts refused() const override { return {1, 2, 3, 4}; }
};

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() {
    control_.set_stats(SampleStats());
    log_.dropped = 5;
    log_.errors = 6;
    StartServer(nullptr);
  }

  void StartServer(std::function<bool(const std::string&)> admits) {
    const BuildInfo build{
        .version = "1.2.3", .revision = "abc", .compiler = "cc \"9\"", .build_type = "Test"};
    auto server = MetricsServer::Start(
        {.http = {.address = {.host = "127.0.0.1"}},
         .fresh_for = milliseconds(0),
         .admits = std::move(admits)},
        std::make_unique<MetricsCollector>(control_, log_, calls_, build), state_,
        std::make_unique<StatusPage>(control_, events_, log_, StatusPageOptions()));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Open();
  }

  std::string Get(const std::string& path) { return Http(server_->address(), "GET", path); }

  FakeControl control_;
  const EventLog events_;
  FakeLogControl log_;
  const FakeCallCounts calls_;
  std::atomic<GatewayState> state_{GatewayState::kServing};
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsTest, EveryValueUnderItsName) {
  const std::string reply = Get("/metrics");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("text/plain; version=0.0.4"));
  const CounterSnapshot c = SampleStats().reactors[1].counters;
  const auto line = [&](const std::string& series, std::uint64_t value) {
    EXPECT_THAT(reply, HasSubstr("\n" + series + " " + std::to_string(value) + "\n"));
  };
  const std::string r1 = "{reactor=\"1\"}";
  line("echogw_connections_active" + r1, c.connections_active);
  line("echogw_connections_accepted_total" + r1, c.connections_accepted);
  line("echogw_connections_moved_in_total" + r1, c.connections_moved_in);
  line("echogw_connections_moved_out_total" + r1, c.connections_moved_out);
  line("echogw_connections_accepted_from_adopted_total" + r1, c.accepted_from_adopted);
  line("echogw_received_bytes_total" + r1, c.received_bytes);
  line("echogw_sent_bytes_total" + r1, c.sent_bytes);
  line("echogw_reads_total" + r1, c.reads);
  line("echogw_writes_total" + r1, c.writes);
  line("echogw_partial_writes_total" + r1, c.partial_writes);
  line("echogw_ready_events_total" + r1, c.ready_events);
  line("echogw_wakeups_total" + r1, c.wakeups);
  line("echogw_loop_stalls_total" + r1, c.loop_stalls);
  line("echogw_pending_bytes" + r1, c.pending_bytes);
  line("echogw_steering_weight" + r1, 8);
  EXPECT_THAT(reply, HasSubstr("echogw_loop_busy_seconds_total{reactor=\"1\"} 1.5\n"));
  EXPECT_THAT(reply, HasSubstr("echogw_loop_wait_seconds_total{reactor=\"1\"} 2.5\n"));
  EXPECT_THAT(reply, HasSubstr("echogw_loop_spin_seconds_total{reactor=\"1\"} 0.5\n"));
  EXPECT_THAT(reply, HasSubstr("echogw_loop_longest_seconds{reactor=\"1\"} 0.25\n"));
  const auto reason = [&](const std::string& name, const std::string& label,
                          const std::string& value, std::uint64_t count) {
    line(name + "{reactor=\"1\"," + label + "=\"" + value + "\"}", count);
  };
  reason("echogw_connections_closed_total", "reason", "peer_closed", c.connections_closed[0]);
  reason("echogw_connections_closed_total", "reason", "drain_forced", c.connections_closed[5]);
  reason("echogw_connections_rejected_total", "reason", "fd_limit_select",
         c.connections_rejected[0]);
  reason("echogw_connections_rejected_total", "reason", "draining", c.connections_rejected[3]);
  reason("echogw_accept_errors_total", "error", "fd_limit", c.accept_errors[0]);
  reason("echogw_accept_errors_total", "error", "other", c.accept_errors[2]);
  line("echogw_udp_received_datagrams_total" + r1, c.udp.received_datagrams);
  line("echogw_udp_sent_datagrams_total" + r1, c.udp.sent_datagrams);
  line("echogw_udp_received_bytes_total" + r1, c.udp.received_bytes);
  line("echogw_udp_sent_bytes_total" + r1, c.udp.sent_bytes);
  line("echogw_udp_receives_total" + r1, c.udp.receives);
  line("echogw_udp_sends_total" + r1, c.udp.sends);
  line("echogw_udp_receive_errors_total" + r1, c.udp.receive_errors);
  const char* const dropped = "echogw_udp_dropped_datagrams_total";
  reason(dropped, "reason", "would_block", c.udp.dropped[0]);
  reason(dropped, "reason", "draining", c.udp.dropped[5]);
  const std::string slot = "{address=\"127.0.0.1:7000\",slot=\"1\"}";
  line("echogw_listener_accept_queue_depth" + slot, 41);
  line("echogw_listener_accept_queue_limit" + slot, 4096);
  line("echogw_listener_drops_total" + slot, 51);
  line("echogw_udp_socket_queue_bytes" + slot, 61);
  line("echogw_udp_socket_queue_limit_bytes" + slot, 212992);
  line("echogw_udp_socket_drops_total" + slot, 71);
  line("echogw_reactor_info{reactor=\"0\",cpu=\"3\",state=\"serving\"}", 1);
  line("echogw_reactor_info{reactor=\"1\",cpu=\"none\",state=\"parked\"}", 1);
  line("echogw_state{state=\"serving\"}", 1);
  line("echogw_state{state=\"drained\"}", 0);
  line("echogw_reactors", 1);
  line("echogw_steering_active", 1);
  line("echogw_log_lines_dropped_total", 5);
  line("echogw_log_write_errors_total", 6);
  line("echogw_admin_refused_total{reason=\"unknown_token\"}", 2);
  line("echogw_admin_requests_total{method=\"Admin/GetStats\",code=\"OK\"}", 7);
  line("echogw_admin_requests_total{method=\"other\",code=\"OK\"}", 0);
  EXPECT_THAT(reply, HasSubstr("echogw_build_info{version=\"1.2.3\",revision=\"abc\","
                               "compiler=\"cc \\\"9\\\"\"} 1\n"));
  EXPECT_THAT(reply, HasSubstr("\nprocess_open_fds "));
}

TEST_F(MetricsTest, PromtoolHasNothingToSay) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not there";
  const TempDir dir;
  const std::string file = dir.Write("metrics", Body(Get("/metrics")));
  const std::string out = dir.path() + "/out";
  const int status =
      std::system(("promtool check metrics < " + file + " > " + out + " 2>&1").c_str());
  std::stringstream said;
  said << std::ifstream(out).rdbuf();
  EXPECT_EQ(WEXITSTATUS(status), 0) << said.str();
  EXPECT_EQ(said.str(), "");
}

TEST_F(MetricsTest, WithoutUdpThereIsNoneOfIt) {
  GatewayStats stats = SampleStats();
  for (ReactorStats& reactor : stats.reactors) reactor.udp_sockets.clear();
  control_.set_stats(stats);
  EXPECT_THAT(Get("/metrics"), Not(HasSubstr("echogw_udp_")));
}

TEST_F(MetricsTest, AListenerSeenTwiceIsExportedOnce) {
  GatewayStats stats = SampleStats();
  stats.reactors[1].listeners = stats.reactors[0].listeners;
  control_.set_stats(stats);
  const std::string reply = Get("/metrics");
  const std::string series = "echogw_listener_drops_total{address=\"127.0.0.1:7000\",slot=\"0\"}";
  const auto first = reply.find(series);
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(reply.find(series, first + 1), std::string::npos);
}

TEST_F(MetricsTest, DistributionsAreCumulativeAndInBaseUnits) {
  GatewayStats stats = SampleStats();
  CounterSnapshot& c = stats.reactors[1].counters;
  c.read_bytes = {};
  c.read_bytes.buckets[7] = 5;  // 64 to 127 bytes
  c.read_bytes.buckets[12] = 2;
  c.read_bytes.sum = 5 * 64 + 2 * 2048;
  c.turn_ns = {};
  c.turn_ns.buckets[11] = 4;  // 1 to 2 us
  c.turn_ns.sum = 8'000;
  control_.set_stats(stats);
  const std::string reply = Get("/metrics");
  for (const char* line : {"echogw_read_size_bytes_count{reactor=\"1\"} 7\n",
                           "echogw_read_size_bytes_sum{reactor=\"1\"} 4416\n",
                           "echogw_read_size_bytes_bucket{reactor=\"1\",le=\"63\"} 0\n",
                           "echogw_read_size_bytes_bucket{reactor=\"1\",le=\"127\"} 5\n",
                           "echogw_read_size_bytes_bucket{reactor=\"1\",le=\"4095\"} 7\n",
                           "echogw_read_size_bytes_bucket{reactor=\"1\",le=\"+Inf\"} 7\n",
                           "echogw_loop_turn_duration_seconds_count{reactor=\"1\"} 4\n"}) {
    EXPECT_THAT(reply, HasSubstr(line));
  }
  EXPECT_THAT(reply, HasSubstr("# TYPE echogw_echo_delay_seconds histogram\n"));
}

TEST_F(MetricsTest, HealthyAndReady) {
  EXPECT_THAT(Get("/-/healthy"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/-/ready"), StartsWith("HTTP/1.1 200 "));
  state_ = GatewayState::kUnhealthy;
  const std::string reply = Get("/-/ready");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(Body(reply), "unhealthy\n");
  EXPECT_THAT(Get("/-/healthy"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(MetricsTest, WhoMayReadIsAskedForAllButHealth) {
  StartServer([](const std::string& authorization) { return authorization == "Bearer good"; });
  for (const char* path : {"/metrics", "/", "/status.json", "/status.css", "/nothing"}) {
    EXPECT_THAT(Get(path), AllOf(StartsWith("HTTP/1.1 401 Unauthorized\r\n"),
                                 HasSubstr("\r\nWWW-Authenticate: Basic realm=\"echogw\"")))
        << path;
    EXPECT_THAT(Http(server_->address(), "GET", path, "Authorization: Bearer good\r\n"),
                Not(HasSubstr(" 401 ")))
        << path;
  }
  EXPECT_THAT(Get("/-/healthy"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/-/ready"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(MetricsTest, OtherPathsAndMethodsAreRefused) {
  for (const char* path : {"/index.html", "/metrics/", "/metrics/foo", "/metricsfoo", "/-/",
                           "/-/ready/x", "/../etc/passwd", "/%2e%2e/etc/passwd"}) {
    EXPECT_THAT(Get(path), Not(StartsWith("HTTP/1.1 200 "))) << path;
  }
  EXPECT_THAT(Get("/nothing"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Http(server_->address(), "POST", "/metrics", "Content-Length: 8000\r\n"),
              AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nAllow: GET, HEAD\r\n")));
  EXPECT_THAT(Http(server_->address(), "OPTIONS", "*"),
              AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("\r\nAllow: GET, HEAD\r\n")));
  EXPECT_EQ(Body(Get("http://gateway:7002/-/ready")), "serving\n");
  const std::string head = Http(server_->address(), "HEAD", "/metrics");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(Body(head), "");
}

std::string Gunzip(const std::string& packed) {
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1 << 20, '\0');
  std::string in = packed;
  void* from = in.data();
  void* to = out.data();
  stream.next_in = static_cast<Bytef*>(from);
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = static_cast<Bytef*>(to);
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

TEST(NamesGzip, ByNameAndUnlessItsQualityIsZero) {
  for (const char* accepted : {"gzip", "deflate, gzip;q=0.5", "GZIP ; q=1", "br;q=0, gzip"}) {
    EXPECT_TRUE(NamesGzip(accepted)) << accepted;
  }
  for (const char* refused : {"", "identity", "gzip;q=0", "gzip; q=0.000, br", "x-gzipped"}) {
    EXPECT_FALSE(NamesGzip(refused)) << refused;
  }
}

TEST_F(MetricsTest, CompressedOnRequest) {
  const std::string reply =
      Http(server_->address(), "GET", "/metrics", "Accept-Encoding: gzip\r\n");
  EXPECT_THAT(reply, HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_THAT(Gunzip(Body(reply)), HasSubstr("\nechogw_reactors 1\n"));
  EXPECT_EQ(Gunzip(*Gzip("")), "");
}

TEST(MetricsCollector, AnExceptionCostsTheScrapeOnly) {
  const FakeControl control;
  const FakeCallCounts calls;
  FakeLogControl log;
  log.broken = true;
  EXPECT_TRUE(MetricsCollector(control, log, calls, BuildInfo()).Text().empty());
}

TEST(ProcessStats, AreThoseOfThisProcess) {
  const ProcessStats stats = ReadProcessStats();
  EXPECT_GT(stats.usage.cpu_nanoseconds, 0U);
  EXPECT_GT(stats.usage.resident_bytes, 1U << 20U);
  EXPECT_GE(stats.virtual_bytes, stats.usage.resident_bytes);
  EXPECT_GE(stats.threads, 1U);
  EXPECT_GE(stats.open_fds, 3U);
  EXPECT_GE(stats.max_fds, stats.open_fds);
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(stats.start_time_seconds, now, 600);
  EXPECT_EQ(ReadProcessStats().start_time_seconds, stats.start_time_seconds);
  const UniqueFd one(::socket(AF_INET, SOCK_STREAM, 0));
  const std::uint64_t before = ReadProcessStats().open_fds;
  const UniqueFd two(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(ReadProcessStats().open_fds, before + 1);
}

}  // namespace
}  // namespace echogw::server
