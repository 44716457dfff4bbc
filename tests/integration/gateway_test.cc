// Goal: the whole gateway starts on free ports, tells them, serves on all of them, and stops
// completely in the documented order, from within one process. Method: the real thing on loopback.
#include "server/gateway.h"

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "tests/support/receive.h"
#include "tests/support/wait_until.h"
#include "tests/unit/server/admin/admin_fixture.h"
#include "tests/unit/server/exporter/http_client.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::StartsWith;

class GatewayTest : public testing::Test {
 protected:
  static LoadedConfig Load(KeyValues flags) {
    const KeyValues defaults = {{"listen", {"127.0.0.1:0"}},    {"admin", {"127.0.0.1:0"}},
                                {"metrics", {"127.0.0.1:0"}},   {"reactors", {"2"}},
                                {"drain-quiet-period", {"0s"}}, {"drain-spread", {"0s"}},
                                {"log-level", {"off"}}};
    flags.insert(defaults.begin(), defaults.end());
    auto loaded = LoadConfig(flags, {}, "", InspectMachine());
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return *std::move(loaded);
  }

  void Start(const KeyValues& flags = {}) {
    auto started = Gateway::Start(Load(flags));
    ASSERT_TRUE(started.ok()) << started.status();
    gateway_ = *std::move(started);
  }

  // What the echo gives back for `text`.
  std::string Echo(const UniqueFd& fd, const std::string& text) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    return ReceiveExactly(fd.get(), text.size());
  }

  std::unique_ptr<Gateway> gateway_;
};

std::string ErrorOf(const absl::StatusOr<std::unique_ptr<Gateway>>& started) {
  EXPECT_FALSE(started.ok());
  return std::string(started.status().message());
}

TEST_F(GatewayTest, ServesOnEveryPortAndCountsIt) {
  Start({{"transform", {"upper"}}});
  const UniqueFd client = ConnectTcp(gateway_->listen_addresses().front());
  EXPECT_EQ(Echo(client, "hello"), "HELLO");

  const auto channel = Connect(gateway_->admin_address());
  const auto stub = pb::Admin::NewStub(channel);
  pb::GetStatsResponse stats;
  // An answer is counted when it is sent: the client may have it before.
  ASSERT_TRUE(WaitUntil([&] {
    return Call(*stub, &pb::Admin::Stub::GetStats, pb::GetStatsRequest(), stats).ok() &&
           stats.total().sent_bytes() > 0;
  }));
  EXPECT_EQ(stats.state(), pb::GATEWAY_STATE_SERVING);
  EXPECT_EQ(stats.reactors_size(), 2);
  EXPECT_EQ(stats.total().connections_active(), 1U);
  EXPECT_EQ(stats.total().received_bytes(), 5U);
  EXPECT_EQ(stats.total().sent_bytes(), 5U);

  pb::GetInfoResponse info;
  ASSERT_TRUE(Call(*stub, &pb::Admin::Stub::GetInfo, pb::GetInfoRequest(), info).ok());
  EXPECT_EQ(info.listen_addresses(0), gateway_->listen_addresses().front());
  EXPECT_EQ(info.admin_address(), gateway_->admin_address());
  EXPECT_EQ(info.metrics_address(), gateway_->metrics_address());
  EXPECT_EQ(info.transform(), "upper");
  EXPECT_EQ(info.config().at("reactors"), "2");

  const auto health = grpc::health::v1::Health::NewStub(channel);
  grpc::health::v1::HealthCheckResponse answer;
  ASSERT_TRUE(Call(*health, &grpc::health::v1::Health::Stub::Check,
                   grpc::health::v1::HealthCheckRequest(), answer)
                  .ok());
  EXPECT_EQ(answer.status(), grpc::health::v1::HealthCheckResponse::SERVING);

  EXPECT_THAT(Http(gateway_->metrics_address(), "GET", "/metrics"),
              HasSubstr("echogw_state{state=\"serving\"} 1\n"));
  EXPECT_THAT(Http(gateway_->metrics_address(), "GET", "/-/ready"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(Announcement(gateway_->Info()), "listening on " + gateway_->listen_addresses().front() +
                                                "\nadmin on " + gateway_->admin_address() +
                                                "\nmetrics on http://" +
                                                gateway_->metrics_address() + "/metrics\nready\n");
}

TEST_F(GatewayTest, AStopDrainsAndEndsEverything) {
  Start();
  const UniqueFd client = ConnectTcp(gateway_->listen_addresses().front());
  EXPECT_EQ(Echo(client, "x"), "x");
  const std::string admin = gateway_->admin_address();
  const auto begun = steady_clock::now();
  std::thread stop([&] { gateway_->RequestStop("test"); });
  // The polite end: FIN, which we answer.
  std::thread peer([&] {
    char c = 0;
    EXPECT_EQ(Receive(client.get(), &c, 1), 0);
    EXPECT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  });
  gateway_->AwaitStop();
  stop.join();
  peer.join();
  EXPECT_LT(steady_clock::now() - begun, seconds(10));
  EXPECT_EQ(gateway_->control().Stats().state, GatewayState::kStopped);
  const auto stub = pb::Admin::NewStub(Connect(admin));
  pb::GetStatsResponse stats;
  EXPECT_EQ(Call(*stub, &pb::Admin::Stub::GetStats, pb::GetStatsRequest(), stats).error_code(),
            grpc::UNAVAILABLE);
  EXPECT_TRUE(gateway_->CloseLog());
}

TEST_F(GatewayTest, HealthAndReadinessFollowADrain) {
  Start();
  const auto channel = Connect(gateway_->admin_address());
  const auto health = grpc::health::v1::Health::NewStub(channel);
  const auto is = [&](grpc::health::v1::HealthCheckResponse::ServingStatus wanted) {
    grpc::health::v1::HealthCheckResponse answer;
    EXPECT_TRUE(Call(*health, &grpc::health::v1::Health::Stub::Check,
                     grpc::health::v1::HealthCheckRequest(), answer)
                    .ok());
    return answer.status() == wanted;
  };
  using Answer = grpc::health::v1::HealthCheckResponse;
  DrainRequest drain;
  drain.quiet_period = std::chrono::hours(1);
  drain.quiet_max_wait = std::chrono::hours(1);
  drain.deadline = std::chrono::hours(2);
  ASSERT_TRUE(gateway_->control().Drain(drain).ok());
  EXPECT_TRUE(Eventually([&] { return is(Answer::NOT_SERVING); }));
  EXPECT_THAT(Http(gateway_->metrics_address(), "GET", "/-/ready"), StartsWith("HTTP/1.1 503 "));
  ASSERT_TRUE(gateway_->control().Undrain(std::nullopt).ok());
  EXPECT_TRUE(Eventually([&] { return is(Answer::SERVING); }));
  EXPECT_THAT(Http(gateway_->metrics_address(), "GET", "/-/ready"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(GatewayTest, AStopTakesOverADrainThatIsUnderWay) {
  Start();
  DrainRequest drain;
  drain.quiet_period = std::chrono::milliseconds(100);
  drain.spread = seconds(0);
  ASSERT_TRUE(gateway_->control().Drain(drain).ok());
  gateway_->RequestStop("test");
  gateway_->AwaitStop();
  EXPECT_EQ(gateway_->control().Stats().state, GatewayState::kStopped);
}

TEST_F(GatewayTest, TheExporterMayBeOffAndTheAdminOnAUnixSocket) {
  const TempDir dir;
  const std::string path = dir.path() + "/e.sock";
  Start({{"metrics", {"off"}}, {"admin", {"unix:" + path}}});
  EXPECT_EQ(gateway_->metrics_address(), "");
  EXPECT_THAT(Announcement(gateway_->Info()), HasSubstr("admin on unix:" + path + "\nready\n"));
  const auto second = Gateway::Start(Load({{"metrics", {"off"}}, {"admin", {"unix:" + path}}}));
  EXPECT_THAT(ErrorOf(second), HasSubstr("served by another process"));
  gateway_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST_F(GatewayTest, APortInUseStopsTheStart) {
  Start();
  const std::string listen = gateway_->listen_addresses().front();
  EXPECT_THAT(ErrorOf(Gateway::Start(Load({{"listen", {listen}}}))), HasSubstr(listen));
  const std::string admin = gateway_->admin_address();
  EXPECT_THAT(ErrorOf(Gateway::Start(Load({{"admin", {admin}}}))), HasSubstr(admin));
  const std::string metrics = gateway_->metrics_address();
  EXPECT_THAT(ErrorOf(Gateway::Start(Load({{"metrics", {metrics}}}))), HasSubstr(metrics));
  EXPECT_THAT(ErrorOf(Gateway::Start(Load({{"log-file", {"/dev/null/x"}}}))),
              HasSubstr("log-file"));
  // The first one is not disturbed.
  EXPECT_EQ(Echo(ConnectTcp(listen), "x"), "x");
}

}  // namespace
}  // namespace echogw::server
