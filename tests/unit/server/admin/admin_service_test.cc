// Goal: every RPC reaches Control with the right values and its answer reaches the client, errors
// included. Method: a real server and channel on loopback, over a Control that remembers.
#include "server/admin/admin_service.h"

#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/admin/admin_fixture.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;

using AdminServiceTest = AdminTest;
using Stub = pb::Admin::Stub;

TEST_F(AdminServiceTest, GetInfo) {
  control_.set_stats(SampleStats());
  pb::GetInfoResponse response;
  ASSERT_TRUE(Call(*stub_, &Stub::GetInfo, pb::GetInfoRequest(), response).ok());
  EXPECT_EQ(response.version(), "1.2.3");
  EXPECT_EQ(response.revision(), "abc");
  EXPECT_EQ(response.compiler(), "cc");
  EXPECT_EQ(response.build_type(), "Test");
  EXPECT_EQ(response.start_time().seconds(), 1000);
  EXPECT_EQ(response.pid(), 42U);
  EXPECT_EQ(response.poller(), "epoll");
  EXPECT_EQ(response.transform(), "none");
  ASSERT_EQ(response.listen_addresses_size(), 1);
  EXPECT_EQ(response.listen_addresses(0), "127.0.0.1:7000");
  EXPECT_EQ(response.config().at("poller"), "auto");
  EXPECT_TRUE(response.steering_active());
  EXPECT_EQ(response.admin_address(), "");

  GatewayInfo info;
  info.admin_address = server_->address();
  info_.Set(info);
  ASSERT_TRUE(Call(*stub_, &Stub::GetInfo, pb::GetInfoRequest(), response).ok());
  EXPECT_EQ(response.admin_address(), server_->address());
}

TEST_F(AdminServiceTest, GetStatsAndListReactors) {
  control_.set_stats(SampleStats());
  pb::GetStatsResponse stats;
  ASSERT_TRUE(Call(*stub_, &Stub::GetStats, pb::GetStatsRequest(), stats).ok());
  EXPECT_EQ(stats.state(), pb::GATEWAY_STATE_SERVING);
  EXPECT_EQ(stats.reactors_size(), 2);
  EXPECT_GT(stats.time().seconds(), 0);
  EXPECT_TRUE(stats.has_uptime());
  EXPECT_GT(stats.process_cpu_nanoseconds(), 0U);
  EXPECT_GT(stats.process_resident_bytes(), 0U);
  EXPECT_EQ(stats.log_lines_dropped(), 0U);
  pb::ListReactorsResponse reactors;
  ASSERT_TRUE(Call(*stub_, &Stub::ListReactors, pb::ListReactorsRequest(), reactors).ok());
  ASSERT_EQ(reactors.reactors_size(), 2);
  EXPECT_EQ(reactors.reactors(1).counters().reads(), SampleStats().reactors[1].counters.reads);
}

TEST_F(AdminServiceTest, DroppedLogLinesAreReported) {
  log_control_.dropped = 77;
  pb::GetStatsResponse stats;
  ASSERT_TRUE(Call(*stub_, &Stub::GetStats, pb::GetStatsRequest(), stats).ok());
  EXPECT_EQ(stats.log_lines_dropped(), 77U);
}

TEST_F(AdminServiceTest, Resize) {
  pb::ResizeRequest request;
  request.set_target(8);
  request.mutable_deadline()->set_seconds(3);
  request.set_dry_run(true);
  pb::ResizeResponse response;
  ASSERT_TRUE(Call(*stub_, &Stub::Resize, request, response).ok());
  EXPECT_EQ(response.operation().id(), 1U);
  EXPECT_EQ(response.operation().kind(), pb::OPERATION_KIND_RESIZE);
  ASSERT_TRUE(control_.resize().has_value());
  EXPECT_EQ(control_.resize()->target, 8U);
  EXPECT_EQ(control_.resize()->deadline, seconds(3));
  EXPECT_TRUE(control_.resize()->dry_run);
  request.set_dry_run(false);
  ASSERT_TRUE(Call(*stub_, &Stub::Resize, request, response).ok());
  EXPECT_FALSE(control_.resize()->dry_run);
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("admin: Resize from ipv4:127.0.0.1:")));
}

TEST_F(AdminServiceTest, Move) {
  pb::MoveRequest request;
  request.set_from_reactor(1);
  request.set_connections(5);
  pb::MoveResponse response;
  ASSERT_TRUE(Call(*stub_, &Stub::Move, request, response).ok());
  EXPECT_EQ(response.operation().kind(), pb::OPERATION_KIND_MOVE);
  EXPECT_EQ(control_.move()->from, 1U);
  EXPECT_EQ(control_.move()->to, 0U);
  EXPECT_EQ(control_.move()->connections, 5U);
}

TEST_F(AdminServiceTest, RebalanceOnce) {
  pb::RebalanceRequest request;
  request.set_policy(pb::REBALANCE_POLICY_BUSY);
  request.set_max_moves(4);
  pb::RebalanceResponse response;
  ASSERT_TRUE(Call(*stub_, &Stub::Rebalance, request, response).ok());
  EXPECT_EQ(response.operation().kind(), pb::OPERATION_KIND_REBALANCE);
  EXPECT_FALSE(response.auto_enabled());
  EXPECT_EQ(control_.rebalance()->policy, RebalancePolicy::kBusy);
  EXPECT_EQ(control_.rebalance()->max_moves, 4U);
}

TEST_F(AdminServiceTest, RebalanceAutomatically) {
  pb::RebalanceRequest request;
  request.set_auto_(pb::AUTO_REBALANCE_ON);
  request.set_policy(pb::REBALANCE_POLICY_BYTES);
  pb::RebalanceResponse response;
  ASSERT_TRUE(Call(*stub_, &Stub::Rebalance, request, response).ok());
  EXPECT_FALSE(response.has_operation());
  EXPECT_TRUE(response.auto_enabled());
  EXPECT_EQ(control_.auto_policy(), RebalancePolicy::kBytes);
  EXPECT_FALSE(control_.rebalance().has_value());
  request.set_auto_(pb::AUTO_REBALANCE_OFF);
  ASSERT_TRUE(Call(*stub_, &Stub::Rebalance, request, response).ok());
  EXPECT_FALSE(response.auto_enabled());
}

TEST_F(AdminServiceTest, SetSteering) {
  control_.set_stats(SampleStats());
  pb::SetSteeringRequest request;
  request.set_reset(true);
  pb::SteeringWeight& weight = *request.add_weights();
  weight.set_reactor(1);
  weight.set_weight(9);
  pb::SetSteeringResponse response;
  ASSERT_TRUE(Call(*stub_, &Stub::SetSteering, request, response).ok());
  EXPECT_TRUE(control_.steering_reset());
  ASSERT_EQ(response.weights_size(), 1);
  EXPECT_EQ(response.weights(0).reactor(), 1U);
  EXPECT_EQ(response.weights(0).weight(), 9U);
  EXPECT_TRUE(response.steering_active());
}

TEST_F(AdminServiceTest, DrainTakesTheConfiguredRefusal) {
  AdminServiceOptions options;
  options.refuse = RefuseMode::kReset;
  StartServer(options);
  pb::DrainResponse response;
  ASSERT_TRUE(Call(*stub_, &Stub::Drain, pb::DrainRequest(), response).ok());
  EXPECT_EQ(response.operation().id(), 1U);
  EXPECT_EQ(control_.drain()->refuse, RefuseMode::kReset);
  EXPECT_FALSE(control_.drain()->reactor.has_value());
}

TEST_F(AdminServiceTest, Undrain) {
  pb::UndrainResponse response;
  ASSERT_TRUE(Call(*stub_, &Stub::Undrain, pb::UndrainRequest(), response).ok());
  EXPECT_EQ(response.state(), pb::GATEWAY_STATE_SERVING);
  ASSERT_TRUE(control_.undrain().has_value());
  EXPECT_FALSE(control_.undrain()->has_value());
  pb::UndrainRequest request;
  request.set_reactor(4);
  ASSERT_TRUE(Call(*stub_, &Stub::Undrain, request, response).ok());
  EXPECT_EQ(*control_.undrain(), 4U);
}

TEST_F(AdminServiceTest, GetOperation) {
  pb::GetOperationResponse response;
  EXPECT_EQ(Call(*stub_, &Stub::GetOperation, pb::GetOperationRequest(), response).error_code(),
            grpc::NOT_FOUND);
  Operation operation;
  operation.id = 5;
  operation.phase = "join";
  control_.SetOperation(operation);
  ASSERT_TRUE(Call(*stub_, &Stub::GetOperation, pb::GetOperationRequest(), response).ok());
  EXPECT_EQ(response.operation().id(), 5U);
  EXPECT_EQ(response.operation().phase(), "join");
  pb::GetOperationRequest other;
  other.set_id(6);
  EXPECT_EQ(Call(*stub_, &Stub::GetOperation, other, response).error_code(), grpc::NOT_FOUND);
}

// Calls every RPC that may fail with a valid request.
std::vector<grpc::Status> CallAll(Stub& stub) {
  pb::ResizeRequest resize;
  resize.set_target(1);
  pb::MoveRequest move;
  move.set_to_reactor(1);
  pb::RebalanceRequest automatic;
  automatic.set_auto_(pb::AUTO_REBALANCE_ON);
  pb::SetSteeringRequest steering;
  steering.set_reset(true);
  pb::ResizeResponse resized;
  pb::MoveResponse moved;
  pb::RebalanceResponse rebalanced;
  pb::SetSteeringResponse steered;
  pb::DrainResponse drained;
  pb::UndrainResponse undrained;
  return {Call(stub, &Stub::Resize, resize, resized),
          Call(stub, &Stub::Move, move, moved),
          Call(stub, &Stub::Rebalance, pb::RebalanceRequest(), rebalanced),
          Call(stub, &Stub::Rebalance, automatic, rebalanced),
          Call(stub, &Stub::SetSteering, steering, steered),
          Call(stub, &Stub::Drain, pb::DrainRequest(), drained),
          Call(stub, &Stub::Undrain, pb::UndrainRequest(), undrained)};
}

TEST_F(AdminServiceTest, ErrorsOfControlKeepCodeAndMessage) {
  for (const auto& failure :
       {absl::FailedPreconditionError("busy"), absl::InvalidArgumentError("never"),
        absl::UnavailableError("stopping"), absl::NotFoundError("gone"),
        absl::InternalError("broken")}) {
    control_.set_failure(failure);
    for (const grpc::Status& status : CallAll(*stub_)) {
      EXPECT_EQ(status.error_code(), static_cast<int>(failure.code()));
      EXPECT_EQ(status.error_message(), failure.message());
    }
  }
}

TEST_F(AdminServiceTest, AStopIsFinal) {
  service_->BeginStop();
  for (const grpc::Status& status : CallAll(*stub_)) {
    EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
  }
  pb::GetStatsResponse stats;
  EXPECT_TRUE(Call(*stub_, &Stub::GetStats, pb::GetStatsRequest(), stats).ok());
}

TEST_F(AdminServiceTest, InvalidRequestsDoNotReachControl) {
  pb::ResizeResponse resized;
  EXPECT_EQ(Call(*stub_, &Stub::Resize, pb::ResizeRequest(), resized).error_code(),
            grpc::INVALID_ARGUMENT);
  pb::MoveResponse moved;
  EXPECT_EQ(Call(*stub_, &Stub::Move, pb::MoveRequest(), moved).error_code(),
            grpc::INVALID_ARGUMENT);
  pb::RebalanceRequest rebalance;
  rebalance.set_policy(static_cast<pb::RebalancePolicy>(99));
  pb::RebalanceResponse rebalanced;
  EXPECT_EQ(Call(*stub_, &Stub::Rebalance, rebalance, rebalanced).error_code(),
            grpc::INVALID_ARGUMENT);
  pb::SetSteeringResponse steered;
  EXPECT_EQ(Call(*stub_, &Stub::SetSteering, pb::SetSteeringRequest(), steered).error_code(),
            grpc::INVALID_ARGUMENT);
  pb::DrainRequest drain;
  drain.mutable_deadline()->set_seconds(-1);
  pb::DrainResponse drained;
  const grpc::Status status = Call(*stub_, &Stub::Drain, drain, drained);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "deadline: must not be negative");
  pb::UndrainRequest undrain;
  undrain.set_reactor(1000);
  pb::UndrainResponse undrained;
  EXPECT_EQ(Call(*stub_, &Stub::Undrain, undrain, undrained).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_FALSE(control_.resize() || control_.move() || control_.rebalance() || control_.drain() ||
               control_.undrain());
}

}  // namespace
}  // namespace echogw::server
