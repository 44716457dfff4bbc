// Goal: watch streams send at once and on time, end by themselves, are bounded in number, and never
// hold up a shutdown. Method: real streams on loopback.
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/admin/admin_fixture.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// A stream of WatchStats that a test holds open.
struct StatsStream {
  StatsStream(pb::Admin::Stub& stub, milliseconds interval) {
    pb::WatchStatsRequest request;
    request.mutable_interval()->set_seconds(interval / seconds(1));
    request.mutable_interval()->set_nanos(
        static_cast<std::int32_t>((interval % seconds(1)) / std::chrono::nanoseconds(1)));
    context.set_deadline(In(seconds(60)));
    reader = stub.WatchStats(&context, request);
  }

  grpc::ClientContext context;
  pb::WatchStatsResponse message;
  std::unique_ptr<grpc::ClientReader<pb::WatchStatsResponse>> reader;
};

struct OperationStream {
  OperationStream(pb::Admin::Stub& stub, std::uint64_t id) {
    pb::WatchOperationRequest request;
    request.set_id(id);
    context.set_deadline(In(seconds(60)));
    reader = stub.WatchOperation(&context, request);
  }

  grpc::ClientContext context;
  pb::WatchOperationResponse message;
  std::unique_ptr<grpc::ClientReader<pb::WatchOperationResponse>> reader;
};

class WatchTest : public AdminTest {
 protected:
  Operation Running(std::uint64_t id) {
    Operation operation;
    operation.id = id;
    operation.version = 1;
    return operation;
  }
};

TEST_F(WatchTest, StatsComeAtOnceAndThenByInterval) {
  control_.set_stats(SampleStats());
  StatsStream stream(*stub_, milliseconds(30));
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  EXPECT_EQ(stream.message.stats().reactors_size(), 2);
  const auto first = steady_clock::now();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(stream.reader->Read(&stream.message));
  EXPECT_GE(steady_clock::now() - first, milliseconds(90));
  stream.context.TryCancel();
  EXPECT_EQ(stream.reader->Finish().error_code(), grpc::CANCELLED);
}

TEST_F(WatchTest, TheFirstMessageDoesNotWaitForTheInterval) {
  StatsStream stream(*stub_, std::chrono::hours(1));
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  stream.context.TryCancel();
  EXPECT_EQ(stream.reader->Finish().error_code(), grpc::CANCELLED);
}

TEST_F(WatchTest, ABadIntervalIsRefused) {
  StatsStream stream(*stub_, milliseconds(1));
  EXPECT_FALSE(stream.reader->Read(&stream.message));
  const grpc::Status status = stream.reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("interval"));
}

TEST_F(WatchTest, AnOperationIsFollowedToItsEnd) {
  control_.SetOperation(Running(1));
  OperationStream stream(*stub_, 0);
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  EXPECT_EQ(stream.message.operation().id(), 1U);
  // A newer one does not take its place.
  control_.SetOperation(Running(2));
  Operation changed = Running(1);
  changed.version = 2;
  changed.phase = "join";
  control_.SetOperation(changed);
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  EXPECT_EQ(stream.message.operation().id(), 1U);
  EXPECT_EQ(stream.message.operation().phase(), "join");
  changed.version = 3;
  changed.result = OperationResult::kSucceeded;
  control_.SetOperation(changed);
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  EXPECT_EQ(stream.message.operation().result(), pb::OPERATION_RESULT_SUCCEEDED);
  EXPECT_FALSE(stream.reader->Read(&stream.message));
  EXPECT_TRUE(stream.reader->Finish().ok());
}

TEST_F(WatchTest, AnOperationThatIsOverIsSentOnce) {
  Operation over = Running(3);
  over.result = OperationResult::kTimedOut;
  control_.SetOperation(over);
  OperationStream stream(*stub_, 3);
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  EXPECT_EQ(stream.message.operation().result(), pb::OPERATION_RESULT_TIMED_OUT);
  EXPECT_FALSE(stream.reader->Read(&stream.message));
  EXPECT_TRUE(stream.reader->Finish().ok());
}

TEST_F(WatchTest, AnUnknownOperationIsNotFound) {
  OperationStream stream(*stub_, 9);
  EXPECT_FALSE(stream.reader->Read(&stream.message));
  EXPECT_EQ(stream.reader->Finish().error_code(), grpc::NOT_FOUND);
}

TEST_F(WatchTest, AForgottenOperationEndsTheStream) {
  control_.SetOperation(Running(1));
  OperationStream stream(*stub_, 1);
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  control_.ForgetOperation(1);
  EXPECT_FALSE(stream.reader->Read(&stream.message));
  EXPECT_TRUE(stream.reader->Finish().ok());
}

TEST_F(WatchTest, TheirNumberIsBounded) {
  AdminServiceOptions options;
  options.watches_max = 2;
  StartServer(options);
  control_.SetOperation(Running(1));
  StatsStream a(*stub_, seconds(1));
  ASSERT_TRUE(a.reader->Read(&a.message));
  OperationStream b(*stub_, 1);
  ASSERT_TRUE(b.reader->Read(&b.message));
  StatsStream refused(*stub_, seconds(1));
  EXPECT_FALSE(refused.reader->Read(&refused.message));
  EXPECT_EQ(refused.reader->Finish().error_code(), grpc::RESOURCE_EXHAUSTED);
  // A stream that ended makes room.
  a.context.TryCancel();
  EXPECT_EQ(a.reader->Finish().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(Eventually([&] {
    StatsStream again(*stub_, seconds(1));
    return again.reader->Read(&again.message);
  }));
  b.context.TryCancel();
  EXPECT_EQ(b.reader->Finish().error_code(), grpc::CANCELLED);
}

TEST_F(WatchTest, OpenStreamsDoNotHoldUpTheStop) {
  control_.SetOperation(Running(1));
  StatsStream a(*stub_, std::chrono::hours(1));
  ASSERT_TRUE(a.reader->Read(&a.message));
  StatsStream b(*stub_, milliseconds(10));
  ASSERT_TRUE(b.reader->Read(&b.message));
  OperationStream c(*stub_, 1);
  ASSERT_TRUE(c.reader->Read(&c.message));
  const auto begun = steady_clock::now();
  EXPECT_TRUE(server_->Stop(seconds(30)));
  EXPECT_LT(steady_clock::now() - begun, seconds(10));
  EXPECT_FALSE(a.reader->Read(&a.message));
  EXPECT_EQ(a.reader->Finish().error_code(), grpc::UNAVAILABLE);
  while (b.reader->Read(&b.message)) {
  }
  EXPECT_EQ(b.reader->Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_FALSE(c.reader->Read(&c.message));
  EXPECT_EQ(c.reader->Finish().error_code(), grpc::UNAVAILABLE);
}

TEST_F(WatchTest, TheEndOfAnOperationIsSentEvenWhileStopping) {
  control_.SetOperation(Running(1));
  OperationStream stream(*stub_, 1);
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  Operation over = Running(1);
  over.version = 2;
  over.result = OperationResult::kSucceeded;
  control_.SetOperation(over);
  EXPECT_TRUE(server_->Stop(seconds(30)));
  ASSERT_TRUE(stream.reader->Read(&stream.message));
  EXPECT_EQ(stream.message.operation().result(), pb::OPERATION_RESULT_SUCCEEDED);
  EXPECT_FALSE(stream.reader->Read(&stream.message));
  EXPECT_TRUE(stream.reader->Finish().ok());
}

TEST_F(WatchTest, ClientsThatVanishLeaveNothingBehind) {
  control_.SetOperation(Running(1));
  for (int round = 0; round < 20; ++round) {
    StatsStream a(*stub_, milliseconds(10));
    OperationStream b(*stub_, 1);
    if (round % 2 == 0) {
      EXPECT_TRUE(a.reader->Read(&a.message));
    }
    a.context.TryCancel();
    b.context.TryCancel();
    EXPECT_FALSE(a.reader->Finish().ok());
    EXPECT_FALSE(b.reader->Finish().ok());
  }
  // The snapshots stop with the streams.
  EXPECT_TRUE(Eventually([&] {
    const int before = control_.stats_calls();
    std::this_thread::sleep_for(milliseconds(50));
    return control_.stats_calls() == before;
  }));
}

}  // namespace
}  // namespace echogw::server
