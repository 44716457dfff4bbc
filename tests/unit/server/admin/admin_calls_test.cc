// Goal: each admin call that ends is counted once under its method and code and logged with who
// made it, and strangers cannot make up series. Method: a real server and calls that end in every
// way.
#include "server/admin/admin_calls.h"

#include <grpcpp/impl/codegen/client_unary_call.h>

#include <map>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "tests/unit/server/admin/admin_fixture.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ContainsRegex;

class AdminCallsTest : public AdminTest {
 protected:
  std::uint64_t Count(const std::string& method, const std::string& code) {
    std::uint64_t count = 0;
    for (const AdminCallCount& call : calls_->counts()) {
      if (call.method == method && call.code == code) count += call.count;
    }
    return count;
  }

  // The client may have its answer before the server has written the line, or counted.
  bool Soon(const std::string& method, const std::string& code, std::uint64_t count) {
    return Eventually([&] { return Count(method, code) == count; });
  }
};

TEST_F(AdminCallsTest, CountsByMethodAndCode) {
  pb::GetInfoResponse info;
  pb::GetOperationResponse operation;
  pb::GetOperationRequest unknown;
  unknown.set_id(1U << 30U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Call(*stub_, &pb::Admin::Stub::GetInfo, pb::GetInfoRequest(), info).ok());
  }
  EXPECT_EQ(Call(*stub_, &pb::Admin::Stub::GetOperation, unknown, operation).error_code(),
            grpc::NOT_FOUND);
  auto health = grpc::health::v1::Health::NewStub(channel_);
  grpc::health::v1::HealthCheckResponse answer;
  const grpc::health::v1::HealthCheckRequest ask;
  EXPECT_TRUE(Call(*health, &grpc::health::v1::Health::Stub::Check, ask, answer).ok());
  EXPECT_TRUE(Soon("Admin/GetInfo", "OK", 3));
  EXPECT_TRUE(Soon("Admin/GetOperation", "NOT_FOUND", 1));
  EXPECT_TRUE(Soon("Health/Check", "OK", 1));
  EXPECT_EQ(Count("Admin/GetOperation", "OK"), 0U);
}

TEST_F(AdminCallsTest, AWatchIsCountedWhenItEnds) {
  grpc::ClientContext context;
  pb::WatchStatsRequest request;
  auto reader = stub_->WatchStats(&context, request);
  pb::WatchStatsResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(Count("Admin/WatchStats", "CANCELLED"), 0U);
  context.TryCancel();
  EXPECT_FALSE(reader->Finish().ok());
  EXPECT_TRUE(Soon("Admin/WatchStats", "CANCELLED", 1));
}

TEST_F(AdminCallsTest, SaysWhoCalledAndHowItEnded) {
  pb::GetInfoResponse info;
  EXPECT_TRUE(Call(*stub_, &pb::Admin::Stub::GetInfo, pb::GetInfoRequest(), info).ok());
  const std::string call = "admin: call Admin/GetInfo from ipv4:127\\.0\\.0\\.1:[0-9]+: ";
  EXPECT_TRUE(Eventually([&] {
    return testing::Value(log_.lines(),
                          Contains(ContainsRegex(call + "OK in [0-9]+\\.[0-9]+ ms$")));
  }));
}

TEST_F(AdminCallsTest, MethodsThatDoNotExistAreOneSeries) {
  const std::size_t series = calls_->counts().size();
  for (const char* path : {"/echogw.admin.v1.Admin/Explode", "/a/b", "/a/c"}) {
    const grpc::internal::RpcMethod method(path, grpc::internal::RpcMethod::NORMAL_RPC);
    grpc::ClientContext context;
    context.set_deadline(In(seconds(20)));
    pb::GetInfoRequest request;
    pb::GetInfoResponse response;
    const grpc::Status status =
        grpc::internal::BlockingUnaryCall<pb::GetInfoRequest, pb::GetInfoResponse>(
            channel_.get(), method, &context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::UNIMPLEMENTED) << path;
  }
  EXPECT_TRUE(Eventually([&] { return Count("other", "UNIMPLEMENTED") == 3; }))
      << Count("other", "UNIMPLEMENTED");
  EXPECT_EQ(calls_->counts().size(), series + 1);
}

TEST_F(AdminCallsTest, EveryMethodHasASeriesFromTheStart) {
  std::map<std::string, std::uint64_t> methods;
  for (const AdminCallCount& call : calls_->counts()) {
    EXPECT_EQ(call.code, "OK");
    EXPECT_TRUE(methods.emplace(call.method, call.count).second) << call.method;
  }
  const auto* service = pb::GetStatsRequest::descriptor()->file()->service(0);
  // Two of health, one of reflection, one for all others.
  EXPECT_EQ(methods.size(), static_cast<std::size_t>(service->method_count()) + 4);
  EXPECT_EQ(methods.at("Admin/Resize"), 0U);
  EXPECT_EQ(methods.at("ServerReflection/ServerReflectionInfo"), 0U);
}

}  // namespace
}  // namespace echogw::server
