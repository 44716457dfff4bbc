// Goal: what the view asks for reaches the gateway, every answer and every failure reaches the
// view, and a stream that is lost comes back. Method: feed and caller against the fake gateway;
// waiting is for messages, with a deadline.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "ctl/gateway/client.h"
#include "ctl/top/admin_caller.h"
#include "ctl/top/feed.h"
#include "ctl/top/inbox.h"
#include "tests/unit/ctl/top/top_gateway.h"

namespace echogw::ctl::top {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using Tone = ActionNews::Tone;

constexpr seconds kDeadline{20};

class Calls : public testing::Test {
 protected:
  void Start(Duration timeout = seconds(5)) {
    gateway_ = std::make_unique<TopGateway>();
    client_ = std::make_unique<Client>(gateway_->target(), timeout);
  }
  // Ends the gateway and starts another one at the same place.
  void Restart() {
    const std::string target = gateway_->target();
    gateway_.reset();
    gateway_ = std::make_unique<TopGateway>(target);
  }

  // The next message of this kind that fits; others are dropped.
  template <typename Message>
  Message Next(const std::function<bool(const Message&)>& fits = nullptr) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < end) {
      while (!waiting_.empty()) {
        TopMessage message = std::move(waiting_.front());
        waiting_.pop_front();
        auto* found = std::get_if<Message>(&message);
        if (found != nullptr && (!fits || fits(*found))) return std::move(*found);
      }
      pollfd fd{.fd = inbox_.fd(), .events = POLLIN, .revents = 0};
      poll(&fd, 1, 100);
      for (TopMessage& message : inbox_.Take()) waiting_.push_back(std::move(message));
    }
    ADD_FAILURE() << "the message did not come";
    return {};
  }
  ActionNews NewsOf(Tone tone) {
    return Next<ActionNews>([tone](const ActionNews& news) { return news.tone == tone; });
  }

  TopInbox inbox_;
  std::deque<TopMessage> waiting_;
  std::unique_ptr<TopGateway> gateway_;
  std::unique_ptr<Client> client_;
};

TEST(TopInboxTest, KeepsTheNewestSnapshotAndEverythingElse) {
  TopInbox inbox;
  ASSERT_TRUE(inbox.ok());
  inbox.Post(StatsAfter(0));
  inbox.Post(StatsAfter(1));
  inbox.Post(ActionNews{Tone::kDone, "one"});
  inbox.Post(ActionNews{Tone::kDone, "two"});
  inbox.Post(StatsAfter(2));
  inbox.Post(StatsAfter(3));
  pollfd fd{.fd = inbox.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&fd, 1, 0), 1);
  const std::vector<TopMessage> messages = inbox.Take();
  ASSERT_EQ(messages.size(), 4U);
  const auto uptime = [&](std::size_t i) {
    return std::get<admin::v1::GetStatsResponse>(messages[i]).uptime().seconds();
  };
  EXPECT_EQ(uptime(0), 7326);
  EXPECT_EQ(std::get<ActionNews>(messages[2]).text, "two");
  EXPECT_EQ(uptime(3), 7328);
  EXPECT_EQ(poll(&fd, 1, 0), 0);
  EXPECT_TRUE(inbox.Take().empty());
  inbox.Wake();
  EXPECT_EQ(poll(&fd, 1, 0), 1);
}

TEST_F(Calls, FeedBringsSnapshotsAndInfo) {
  Start();
  StatsFeed feed(*client_, inbox_, milliseconds(20));
  const auto first = Next<admin::v1::GetStatsResponse>();
  EXPECT_EQ(Next<admin::v1::GetInfoResponse>().version(), "0.1.0");
  const auto second = Next<admin::v1::GetStatsResponse>();
  EXPECT_GT(second.uptime().seconds(), first.uptime().seconds());
  EXPECT_EQ(gateway_->requests().watch_stats[0].interval().nanos(), 20'000'000);
}

TEST_F(Calls, FeedShowsTheTokenOfTheCommandLine) {
  Start();
  gateway_->token = "operatoroperatoroperator";
  Client client(gateway_->target(), seconds(5), Access{.token = gateway_->token});
  StatsFeed feed(client, inbox_, milliseconds(20));
  EXPECT_EQ(Next<admin::v1::GetStatsResponse>().reactors_size(), SampleStats().reactors_size());
}

TEST_F(Calls, FeedComesBackAfterARestart) {
  Start();
  StatsFeed feed(*client_, inbox_, milliseconds(20));
  Next<admin::v1::GetStatsResponse>();
  Restart();
  const auto lost = Next<FeedLost>();
  EXPECT_THAT(lost.reason, HasSubstr(client_->target()));
  EXPECT_EQ(lost.reason.find(';'), std::string::npos);
  EXPECT_EQ(lost.retry_in, milliseconds(250));
  // The version may be another one.
  Next<admin::v1::GetInfoResponse>();
  Next<admin::v1::GetStatsResponse>();
}

TEST_F(Calls, FeedWaitsLongerEachTime) {
  Client nowhere("unix:/nonexistent/admin.sock", seconds(5));
  StatsFeed feed(nowhere, inbox_, milliseconds(20));
  EXPECT_EQ(Next<FeedLost>().retry_in, milliseconds(250));
  const auto lost = Next<FeedLost>();
  EXPECT_EQ(lost.retry_in, milliseconds(500));
  EXPECT_EQ(lost.reason, "cannot reach unix:/nonexistent/admin.sock (no such file or directory)");
}

TEST_F(Calls, ASilentGatewayIsLost) {
  Start(milliseconds(50));
  gateway_->script.hang = true;
  StatsFeed feed(*client_, inbox_, milliseconds(50));
  EXPECT_THAT(Next<FeedLost>().reason, EndsWith(" sent nothing for 100ms"));
}

TEST_F(Calls, FeedEndsWhileItWaitsAndWhileItStreams) {
  Start();
  const auto begun = std::chrono::steady_clock::now();
  {
    StatsFeed feed(*client_, inbox_, std::chrono::hours(1));
    Next<admin::v1::GetStatsResponse>();
  }
  Client nowhere("unix:/nonexistent/admin.sock", seconds(5));
  {
    StatsFeed feed(nowhere, inbox_, milliseconds(20));
    Next<FeedLost>([](const FeedLost& lost) { return lost.retry_in >= seconds(1); });
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kDeadline);
}

TEST_F(Calls, AnOperationIsFollowedToItsEnd) {
  Start();
  gateway_->operation = SampleOperation(admin::v1::OPERATION_RESULT_RUNNING);
  gateway_->operation_updates = {SampleOperation(admin::v1::OPERATION_RESULT_RUNNING),
                                 SampleOperation(admin::v1::OPERATION_RESULT_SUCCEEDED)};
  gateway_->operation_updates[1].set_message("moved 600 connections");
  AdminCaller caller(*client_, inbox_);
  admin::v1::ResizeRequest request;
  request.set_target(2);
  caller.Send(request);
  EXPECT_THAT(NewsOf(Tone::kRunning).text,
              StartsWith("resize 8 -> 2: move-connections, 600 moved"));
  EXPECT_EQ(NewsOf(Tone::kDone).text,
            "resize 8 -> 2 succeeded after 123 ms: moved 600 connections");
  EXPECT_EQ(gateway_->requests().resize[0].target(), 2U);
  EXPECT_EQ(gateway_->requests().watch_operation[0].id(), 7U);
}

TEST_F(Calls, ResultsThatAreNoSuccessAreFailures) {
  Start();
  AdminCaller caller(*client_, inbox_);
  gateway_->operation = SampleOperation(admin::v1::OPERATION_RESULT_TIMED_OUT);
  caller.Send(admin::v1::DrainRequest());
  EXPECT_EQ(NewsOf(Tone::kFailed).text, "resize 8 -> 2 timed out after 123 ms");
}

TEST_F(Calls, AnUndrainGetsThroughWhileADrainIsFollowed) {
  Start();
  gateway_->operation = SampleOperation(admin::v1::OPERATION_RESULT_RUNNING);
  gateway_->operation_updates = {gateway_->operation};
  gateway_->script.watch_stays = true;
  gateway_->undrain.set_state(admin::v1::GATEWAY_STATE_SERVING);
  AdminCaller caller(*client_, inbox_);
  caller.Send(admin::v1::DrainRequest());
  NewsOf(Tone::kRunning);
  NewsOf(Tone::kRunning);
  admin::v1::UndrainRequest undrain;
  undrain.set_reactor(1);
  caller.Send(undrain);
  EXPECT_EQ(NewsOf(Tone::kDone).text, "reactor 1 undrained; the gateway is serving");
  caller.Send(admin::v1::UndrainRequest());
  EXPECT_EQ(NewsOf(Tone::kDone).text, "undrained; the gateway is serving");
}

TEST_F(Calls, AStreamThatBreaksIsSaid) {
  Start();
  gateway_->operation = SampleOperation(admin::v1::OPERATION_RESULT_RUNNING);
  gateway_->operation_updates = {gateway_->operation};
  gateway_->script.watch_end = {grpc::StatusCode::UNAVAILABLE, "stopping"};
  AdminCaller caller(*client_, inbox_);
  caller.Send(admin::v1::DrainRequest());
  EXPECT_EQ(NewsOf(Tone::kFailed).text,
            "resize 8 -> 2: lost track of it; see 'echogwctl operation 7'");
}

TEST_F(Calls, ARefusalIsSaid) {
  Start();
  gateway_->script.status = {grpc::StatusCode::FAILED_PRECONDITION, "operation 3 runs"};
  AdminCaller caller(*client_, inbox_);
  caller.Send(admin::v1::RebalanceRequest());
  EXPECT_EQ(NewsOf(Tone::kFailed).text, "rebalance: refused: operation 3 runs");
  caller.Send(admin::v1::UndrainRequest());
  EXPECT_EQ(NewsOf(Tone::kFailed).text, "undrain: refused: operation 3 runs");
}

TEST_F(Calls, ARebalanceMayHaveNothingToDo) {
  Start();
  AdminCaller caller(*client_, inbox_);
  caller.Send(admin::v1::RebalanceRequest());
  EXPECT_EQ(NewsOf(Tone::kDone).text, "rebalance: nothing to do");
}

TEST_F(Calls, ConnectionsAndEvents) {
  Start();
  AdminCaller caller(*client_, inbox_);
  admin::v1::ListConnectionsRequest list;
  list.mutable_filter()->add_reactors(1);
  caller.Send(list);
  const auto page = Next<ConnectionsPage>();
  EXPECT_EQ(page.error, "");
  EXPECT_EQ(page.request.filter().reactors(0), 1U);
  EXPECT_EQ(page.response.connections_size(), 40);
  admin::v1::GetConnectionRequest get;
  get.set_id(1000);
  caller.Send(get);
  EXPECT_EQ(Next<DetailPage>().response.tcp().state(), "ESTABLISHED");
  get.set_id(1);
  caller.Send(get);
  EXPECT_EQ(Next<DetailPage>().error, "the connection is closed");
  caller.Send(admin::v1::ListEventsRequest());
  EXPECT_EQ(Next<EventsPage>().response.events_size(), 2);
  admin::v1::CloseConnectionsRequest close;
  close.add_ids(1000);
  caller.Send(close);
  EXPECT_EQ(NewsOf(Tone::kDone).text, "connection 1000 is being closed");
  close.set_mode(admin::v1::CLOSE_MODE_RST);
  caller.Send(close);
  EXPECT_EQ(NewsOf(Tone::kDone).text, "connection 1000 was reset");
  close.set_ids(0, 5);
  caller.Send(close);
  EXPECT_EQ(NewsOf(Tone::kDone).text, "connection 5 is already closed");
}

TEST_F(Calls, AGatewayThatDoesNotKnowACallIsNoReasonToStop) {
  Start();
  gateway_->knows_lists = false;
  AdminCaller caller(*client_, inbox_);
  caller.Send(admin::v1::ListConnectionsRequest());
  EXPECT_THAT(Next<ConnectionsPage>().error, HasSubstr("does not support this call"));
  caller.Send(admin::v1::ListEventsRequest());
  EXPECT_THAT(Next<EventsPage>().error, HasSubstr("does not support this call"));
  admin::v1::CloseConnectionsRequest close;
  close.add_ids(1000);
  caller.Send(close);
  EXPECT_THAT(NewsOf(Tone::kFailed).text, StartsWith("close: "));
}

TEST_F(Calls, TooManyActionsAreNotSent) {
  Start(std::chrono::minutes(1));
  gateway_->script.hang = true;
  AdminCaller caller(*client_, inbox_);
  for (std::size_t i = 0; i < CallLane::kMostWaiting + 2; ++i) {
    caller.Send(admin::v1::DrainRequest());
  }
  EXPECT_THAT(NewsOf(Tone::kFailed).text, StartsWith("not sent: "));
}

}  // namespace
}  // namespace echogw::ctl::top
