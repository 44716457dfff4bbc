// Goal: every field of every request is checked and the message names it; what is valid arrives
// unchanged. Method: one request per rule, no network.
#include "server/admin/messages/operation_messages.h"

#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::StartsWith;

template <typename T>
void ExpectRefused(const absl::StatusOr<T>& result, const std::string& field) {
  ASSERT_FALSE(result.ok()) << field;
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), StartsWith(field + ": "));
}

void Set(google::protobuf::Duration* to, std::int64_t s, std::int32_t nanos) {
  to->set_seconds(s);
  to->set_nanos(nanos);
}

TEST(Resize, DefaultsAndValues) {
  pb::ResizeRequest request;
  request.set_target(256);
  auto valid = FromProto(request);
  ASSERT_TRUE(valid.ok()) << valid.status();
  EXPECT_EQ(valid->target, 256U);
  EXPECT_EQ(valid->deadline, seconds(30));
  EXPECT_FALSE(valid->dry_run);
  Set(request.mutable_deadline(), 1, 500'000'000);
  request.set_dry_run(true);
  valid = FromProto(request);
  ASSERT_TRUE(valid.ok());
  EXPECT_EQ(valid->deadline, milliseconds(1500));
  EXPECT_TRUE(valid->dry_run);
}

TEST(Resize, Refusals) {
  pb::ResizeRequest request;
  ExpectRefused(FromProto(request), "target");
  request.set_target(257);
  ExpectRefused(FromProto(request), "target");
}

TEST(Durations, EveryMalformedOneIsRefused) {
  pb::ResizeRequest request;
  request.set_target(1);
  const std::vector<std::pair<std::int64_t, std::int32_t>> bad = {{-1, 0},
                                                                  {0, -1},
                                                                  {1, -1},
                                                                  {-1, 1},
                                                                  {0, 1'000'000'000},
                                                                  {0, -1'000'000'000},
                                                                  {hours(24) / seconds(1), 1},
                                                                  {INT64_MAX, 999'999'999},
                                                                  {INT64_MIN, -999'999'999}};
  for (const auto& [s, nanos] : bad) {
    Set(request.mutable_deadline(), s, nanos);
    ExpectRefused(FromProto(request), "deadline");
  }
  Set(request.mutable_deadline(), 0, 0);
  EXPECT_TRUE(FromProto(request).ok());
  Set(request.mutable_deadline(), hours(24) / seconds(1), 0);
  EXPECT_TRUE(FromProto(request).ok());
}

TEST(Move, Rules) {
  pb::MoveRequest request;
  request.set_from_reactor(1);
  request.set_to_reactor(1);
  ExpectRefused(FromProto(request), "to_reactor");
  request.set_to_reactor(256);
  ExpectRefused(FromProto(request), "to_reactor");
  request.set_from_reactor(256);
  ExpectRefused(FromProto(request), "from_reactor");
  request.set_from_reactor(255);
  request.set_to_reactor(0);
  request.set_connections(9);
  const auto valid = FromProto(request);
  ASSERT_TRUE(valid.ok()) << valid.status();
  EXPECT_EQ(valid->from, 255U);
  EXPECT_EQ(valid->to, 0U);
  EXPECT_EQ(valid->connections, 9U);
}

TEST(Drain, OfTheGateway) {
  pb::DrainRequest request;
  auto valid = FromProto(request, RefuseMode::kSilent);
  ASSERT_TRUE(valid.ok()) << valid.status();
  EXPECT_FALSE(valid->reactor.has_value());
  EXPECT_EQ(valid->deadline, seconds(30));
  EXPECT_EQ(valid->quiet_period, seconds(1));
  EXPECT_EQ(valid->quiet_max_wait, seconds(10));
  EXPECT_EQ(valid->spread, seconds(5));
  EXPECT_EQ(valid->refuse, RefuseMode::kSilent);
  Set(request.mutable_deadline(), 1, 0);
  Set(request.mutable_quiet_period(), 2, 0);
  Set(request.mutable_quiet_max_wait(), 3, 0);
  Set(request.mutable_spread(), 4, 0);
  request.set_refuse(pb::REFUSE_MODE_RESET);
  valid = FromProto(request, RefuseMode::kSilent);
  ASSERT_TRUE(valid.ok()) << valid.status();
  EXPECT_EQ(valid->deadline, seconds(1));
  EXPECT_EQ(valid->quiet_period, seconds(2));
  EXPECT_EQ(valid->quiet_max_wait, seconds(3));
  EXPECT_EQ(valid->spread, seconds(4));
  EXPECT_EQ(valid->refuse, RefuseMode::kReset);
}

TEST(Drain, OfAReactor) {
  pb::DrainRequest request;
  request.set_reactor(3);
  request.set_let_finish(true);
  const auto valid = FromProto(request, RefuseMode::kAccept);
  ASSERT_TRUE(valid.ok()) << valid.status();
  EXPECT_EQ(valid->reactor, 3U);
  EXPECT_TRUE(valid->let_finish);
}

TEST(Drain, Refusals) {
  const auto drain = [](auto fill) {
    pb::DrainRequest request;
    fill(request);
    return FromProto(request, RefuseMode::kAccept);
  };
  using R = pb::DrainRequest;
  ExpectRefused(drain([](R& r) { r.set_let_finish(true); }), "let_finish");
  ExpectRefused(drain([](R& r) { r.set_reactor(256); }), "reactor");
  ExpectRefused(drain([](R& r) { Set(r.mutable_quiet_period(), -1, 0); }), "quiet_period");
  ExpectRefused(drain([](R& r) { Set(r.mutable_quiet_max_wait(), -1, 0); }), "quiet_max_wait");
  ExpectRefused(drain([](R& r) { Set(r.mutable_spread(), -1, 0); }), "spread");
  ExpectRefused(drain([](R& r) { Set(r.mutable_deadline(), -1, 0); }), "deadline");
  ExpectRefused(drain([](R& r) { r.set_refuse(static_cast<pb::RefuseMode>(9)); }), "refuse");
  const auto of_one = [&](auto fill) {
    return drain([&](R& r) {
      r.set_reactor(0);
      fill(r);
    });
  };
  ExpectRefused(of_one([](R& r) { r.mutable_quiet_period(); }), "quiet_period");
  ExpectRefused(of_one([](R& r) { r.mutable_quiet_max_wait(); }), "quiet_max_wait");
  ExpectRefused(of_one([](R& r) { r.mutable_spread(); }), "spread");
  ExpectRefused(of_one([](R& r) { r.set_refuse(pb::REFUSE_MODE_RESET); }), "refuse");
}

TEST(Rebalance, OnceOrAutomatic) {
  pb::RebalanceRequest request;
  request.set_policy(pb::REBALANCE_POLICY_BYTES);
  request.set_dry_run(true);
  request.set_max_moves(5);
  auto valid = FromProto(request);
  ASSERT_TRUE(valid.ok()) << valid.status();
  EXPECT_EQ(valid->once.policy, RebalancePolicy::kBytes);
  EXPECT_TRUE(valid->once.dry_run);
  EXPECT_EQ(valid->once.max_moves, 5U);
  EXPECT_FALSE(valid->set_auto.has_value());
  request.set_auto_(pb::AUTO_REBALANCE_ON);
  ExpectRefused(FromProto(request), "dry_run");
  request.set_dry_run(false);
  ExpectRefused(FromProto(request), "max_moves");
  request.set_max_moves(0);
  valid = FromProto(request);
  ASSERT_TRUE(valid.ok());
  EXPECT_EQ(valid->set_auto, true);
  request.set_auto_(static_cast<pb::AutoRebalance>(9));
  ExpectRefused(FromProto(request), "auto");
  request.set_policy(static_cast<pb::RebalancePolicy>(9));
  ExpectRefused(FromProto(request), "policy");
  EXPECT_EQ(FromProto(pb::RebalanceRequest())->once.policy, std::nullopt);
}

TEST(Steering, Rules) {
  pb::SetSteeringRequest request;
  ExpectRefused(FromProto(request), "weights");
  request.set_reset(true);
  EXPECT_TRUE(FromProto(request)->reset);
  pb::SteeringWeight& weight = *request.add_weights();
  weight.set_reactor(2);
  weight.set_weight(1000);
  const auto valid = FromProto(request);
  ASSERT_TRUE(valid.ok()) << valid.status();
  ASSERT_EQ(valid->weights.size(), 1U);
  EXPECT_EQ(valid->weights[0].reactor, 2U);
  EXPECT_EQ(valid->weights[0].weight, 1000U);
  weight.set_weight(1001);
  ExpectRefused(FromProto(request), "weights.weight");
  weight.set_weight(0);
  weight.set_reactor(256);
  ExpectRefused(FromProto(request), "weights.reactor");
  weight.set_reactor(2);
  request.add_weights()->set_reactor(2);
  ExpectRefused(FromProto(request), "weights.reactor");
}

TEST(Undrain, GatewayOrReactor) {
  pb::UndrainRequest request;
  EXPECT_EQ(*FromProto(request), std::nullopt);
  request.set_reactor(0);
  EXPECT_EQ(*FromProto(request), 0U);
  request.set_reactor(256);
  ExpectRefused(FromProto(request), "reactor");
}

TEST(WatchInterval, FromTenMillisecondsToOneHour) {
  pb::WatchStatsRequest request;
  EXPECT_EQ(*WatchInterval(request), seconds(1));
  Set(request.mutable_interval(), 0, 10'000'000);
  EXPECT_EQ(*WatchInterval(request), milliseconds(10));
  Set(request.mutable_interval(), 0, 9'999'999);
  ExpectRefused(WatchInterval(request), "interval");
  Set(request.mutable_interval(), 3600, 0);
  EXPECT_EQ(*WatchInterval(request), hours(1));
  Set(request.mutable_interval(), 3600, 1);
  ExpectRefused(WatchInterval(request), "interval");
  Set(request.mutable_interval(), 0, 0);
  ExpectRefused(WatchInterval(request), "interval");
}

}  // namespace
}  // namespace echogw::server
