// Goal: the RPCs about connections, events and the log pass on what they are asked and what comes
// back, and refuse what can never work. Method: a real channel, scripted answers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/admin/messages/connection_messages.h"
#include "server/log/event_log.h"
#include "tests/unit/server/admin/admin_fixture.h"

namespace echogw::server {
namespace {

using ::testing::HasSubstr;

class AdminConnectionsTest : public AdminTest {};

TEST_F(AdminConnectionsTest, ListsWithFilterSortAndPage) {
  ConnectionInfo info{.id = 7, .reactor = 2, .state = ConnectionState::kBlocked};
  info.peer = "10.0.0.1:5";
  info.pending_bytes = 99;
  info.age = std::chrono::milliseconds(1500);
  connections_.set_page({.connections = {info}, .next = ConnectionCursor{2, 300}, .total = 1});
  pb::ListConnectionsRequest request;
  request.mutable_filter()->add_reactors(2);
  request.mutable_filter()->set_peer_cidr("10.0.0.0/8");
  request.mutable_filter()->set_state(pb::CONNECTION_STATE_BLOCKED);
  request.mutable_filter()->mutable_idle_at_least()->set_seconds(3);
  request.set_page_token("1.40");
  pb::ListConnectionsResponse response;
  const auto status = Call(*stub_, &pb::Admin::Stub::ListConnections, request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.connections_size(), 1);
  EXPECT_EQ(response.connections(0).id(), 7U);
  EXPECT_EQ(response.connections(0).state(), pb::CONNECTION_STATE_BLOCKED);
  EXPECT_EQ(response.connections(0).age().nanos(), 500'000'000);
  EXPECT_EQ(response.next_page_token(), "2.300");
  EXPECT_EQ(response.total(), 1U);
  const auto query = connections_.query();
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->page_size, 100U);
  EXPECT_EQ(query->from.reactor, 1U);
  EXPECT_EQ(query->from.index, 40U);
  EXPECT_EQ(query->filter.idle_min, std::chrono::seconds(3));
  EXPECT_EQ(query->filter.state, ConnectionState::kBlocked);
}

TEST_F(AdminConnectionsTest, RefusesWhatCanNeverWork) {
  auto refused = [this](const pb::ListConnectionsRequest& request, const char* field) {
    pb::ListConnectionsResponse response;
    const auto status = Call(*stub_, &pb::Admin::Stub::ListConnections, request, response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(field));
  };
  pb::ListConnectionsRequest request;
  request.set_page_size(10001);
  refused(request, "page_size");
  request.Clear();
  request.set_page_token("x");
  refused(request, "page_token");
  request.set_page_token("0.1");
  request.set_sort(pb::CONNECTION_SORT_AGE);
  refused(request, "page_token");
  request.Clear();
  request.mutable_filter()->set_peer_cidr("10.0.0.1/8");
  refused(request, "filter.peer_cidr");
  request.Clear();
  request.mutable_filter()->set_local_port(70000);
  refused(request, "filter.local_port");
  request.Clear();
  request.mutable_filter()->mutable_age_at_least()->set_seconds(-1);
  refused(request, "filter.age_at_least");
  request.Clear();
  request.mutable_filter()->add_reactors(256);
  refused(request, "filter.reactors");
  request.Clear();
  request.set_sort(static_cast<pb::ConnectionSort>(77));
  refused(request, "sort");
}

TEST_F(AdminConnectionsTest, ShowsOneAndMapsErrors) {
  pb::GetConnectionRequest request;
  request.set_id(31);
  pb::GetConnectionResponse response;
  ASSERT_TRUE(Call(*stub_, &pb::Admin::Stub::GetConnection, request, response).ok());
  EXPECT_EQ(response.connection().id(), 31U);
  EXPECT_EQ(response.tcp().state(), "ESTABLISHED");
  EXPECT_EQ(response.tcp().round_trip_microseconds(), 123U);
  connections_.set_failure(absl::NotFoundError("gone"));
  const auto status = Call(*stub_, &pb::Admin::Stub::GetConnection, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "gone");
}

TEST_F(AdminConnectionsTest, ClosesAndRecordsWhoAskedForIt) {
  pb::CloseConnectionsRequest request;
  request.add_ids(5);
  request.add_ids(9);
  request.set_mode(pb::CLOSE_MODE_RST);
  pb::CloseConnectionsResponse response;
  ASSERT_TRUE(Call(*stub_, &pb::Admin::Stub::CloseConnections, request, response).ok());
  EXPECT_EQ(response.closed(), 2U);
  ASSERT_EQ(response.not_found_size(), 1);
  EXPECT_EQ(response.not_found(0), 9U);
  ASSERT_TRUE(connections_.close().has_value());
  EXPECT_TRUE(connections_.close()->reset);

  pb::ListEventsResponse events;
  ASSERT_TRUE(Call(*stub_, &pb::Admin::Stub::ListEvents, pb::ListEventsRequest(), events).ok());
  ASSERT_EQ(events.events_size(), 1);
  EXPECT_EQ(events.events(0).kind(), "close");
  EXPECT_THAT(events.events(0).actor(), HasSubstr("127.0.0.1"));
  EXPECT_EQ(events.events(0).message(), "closed 2 connections");
}

TEST_F(AdminConnectionsTest, AWatchStreamsEventsAndDrops) {
  WatchedConnectionEvent event;
  event.connection.id = 12;
  event.reason = CloseReason::kPeerReset;
  connections_.AddEvent(event, 3);
  grpc::ClientContext context;
  context.set_deadline(In(std::chrono::seconds(20)));
  auto reader = stub_->WatchConnections(&context, pb::WatchConnectionsRequest());
  pb::WatchConnectionsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).kind(), pb::CONNECTION_EVENT_KIND_CLOSED);
  EXPECT_EQ(response.events(0).close_reason(), "peer_reset");
  EXPECT_EQ(response.dropped(), 3U);
  context.TryCancel();
  (void)reader->Finish();
}

TEST_F(AdminConnectionsTest, EventsAreWatchedFromAnId) {
  events_.Add({.kind = "a", .message = "one"});
  events_.Add({.kind = "b", .message = "two"});
  pb::WatchEventsRequest request;
  request.set_after_id(1);
  grpc::ClientContext context;
  context.set_deadline(In(std::chrono::seconds(20)));
  auto reader = stub_->WatchEvents(&context, request);
  pb::WatchEventsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).message(), "two");
  events_.Add({.severity = EventSeverity::kWarning, .kind = "c", .message = "three"});
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).id(), 3U);
  EXPECT_EQ(response.events(0).severity(), pb::EVENT_SEVERITY_WARNING);
  context.TryCancel();
  (void)reader->Finish();
}

TEST_F(AdminConnectionsTest, SetsAndReportsLogLevels) {
  pb::SetLogLevelRequest request;
  pb::SetLogLevelResponse response;
  ASSERT_TRUE(Call(*stub_, &pb::Admin::Stub::SetLogLevel, request, response).ok());
  EXPECT_EQ(response.console_level(), "info");
  EXPECT_EQ(response.file_level(), "debug");
  EXPECT_EQ(log_control_.set, "") << "an empty level only reports";
  request.set_target(pb::LOG_TARGET_FILE);
  request.set_level("error");
  ASSERT_TRUE(Call(*stub_, &pb::Admin::Stub::SetLogLevel, request, response).ok());
  EXPECT_EQ(log_control_.set, "file error");
  request.set_level("loud");
  EXPECT_EQ(Call(*stub_, &pb::Admin::Stub::SetLogLevel, request, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(EventLogTest, KeepsTheNewestAndKnowsWhatItForgot) {
  EventLog log;
  EXPECT_TRUE(log.After(0, 10).events.empty());
  for (std::size_t i = 0; i < EventLog::kKept + 5; ++i) log.Add({.kind = "k"});
  const auto all = log.After(0, 5000);
  EXPECT_EQ(all.events.size(), EventLog::kKept);
  EXPECT_EQ(all.dropped, 5U);
  EXPECT_EQ(all.events.front().id, 6U);
  const auto few = log.After(0, 3);
  ASSERT_EQ(few.events.size(), 3U);
  EXPECT_EQ(few.events.back().id, EventLog::kKept + 5);
  EXPECT_TRUE(log.After(EventLog::kKept + 5, 3).events.empty());
}

}  // namespace
}  // namespace echogw::server
