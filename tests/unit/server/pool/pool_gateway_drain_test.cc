// The drain of the gateway: its states in order, what new connections meet in each, how the open
// ones end, and the way back from everywhere.

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum GatewayState;

using Clients = std::vector<std::unique_ptr<StreamClient>>;

constexpr seconds kNone{0};

class GatewayDrainTest : public DescriptorTest {
 protected:
  static Clients ConnectSome(TestPool& pool, std::uint64_t count) {
    Clients clients;
    for (std::uint64_t i = 0; i < count; ++i) clients.push_back(pool.Connect(i));
    return clients;
  }

  // As polite clients do: each reads, and closes when the gateway has. Until all have.
  static bool CloseWhenClosed(const Clients& clients) {
    return WaitUntil([&] {
      bool all = true;
      for (const auto& client : clients) {
        (void)client->Pump();
        if (client->end() != StreamClient::End::kOpen) client->Close();
        all = all && client->end() == StreamClient::End::kFin;
      }
      return all;
    });
  }

  // A connect that does not wait for an answer.
  static UniqueFd BeginConnect(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* generic = &to;
    EXPECT_EQ(::connect(fd.get(), static_cast<const sockaddr*>(generic), sizeof(to)), -1);
    return fd;
  }
  static bool Connected(const UniqueFd& fd, milliseconds wait) {
    pollfd p{fd.get(), POLLOUT, 0};
    return ::poll(&p, 1, static_cast<int>(wait.count())) == 1 && (p.revents & POLLERR) == 0;
  }
};

class RefuseModeTest : public GatewayDrainTest, public ::testing::WithParamInterface<RefuseMode> {};

TEST_P(RefuseModeTest, StatesComeInOrderAndNothingIsLost) {
  TestPool pool(3);
  const Clients clients = ConnectSome(pool, 12);
  ASSERT_TRUE(AllEcho(clients));
  const auto begun = pool->Drain(
      {.quiet_period = milliseconds(20), .refuse = GetParam(), .spread = milliseconds(50)});
  ASSERT_TRUE(CloseWhenClosed(clients));
  const Operation o = pool.Ended(begun);
  EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
  EXPECT_EQ(o.message, "drained: 12 connections closed, none reset");
  EXPECT_EQ(o.connections_closed, 12U);
  EXPECT_EQ(o.connections_left, 0U);
  EXPECT_THAT(pool.observed(),
              ElementsAre(kServing, kUnhealthy, kQuiet, kRefusing, kClosing, kDrained));
  std::vector<std::string> phases;
  for (const OperationPhase& p : o.phases) phases.push_back(p.name);
  EXPECT_THAT(phases, ElementsAre("unhealthy", "quiet", "refusing", "closing"));
  for (const auto& client : clients) EXPECT_TRUE(client->caught_up());
  ExpectSound(pool->Stats());
}

TEST_P(RefuseModeTest, NewConnectionsWhileItClosesAndAfterwards) {
  TestPool pool(2);
  const Clients clients = ConnectSome(pool, 4);
  ASSERT_TRUE(pool->Drain({.deadline = hours(2),
                           .quiet_period = kNone,
                           .refuse = GetParam(),
                           .spread = hours(1)})
                  .ok());
  ASSERT_TRUE(pool.WaitForState(kClosing));
  const bool silent = GetParam() == RefuseMode::kSilent;
  UniqueFd waiting;
  if (silent) {
    waiting = BeginConnect(pool.port());
    EXPECT_FALSE(Connected(waiting, milliseconds(100)));
  } else {
    // Before a reactor knows of the closing it may still serve one.
    EXPECT_TRUE(WaitUntil([&] {
      StreamClient client({.port = pool.port()});
      client.Offer(1);
      return !client.PumpUntilDone();
    }));
    EXPECT_GT(pool->Stats().total.rejected_total(), 0U);
  }
  EXPECT_TRUE(AllEcho(clients)) << "their time has not come";
  ASSERT_TRUE(pool->Undrain(std::nullopt).ok());
  if (silent) {
    EXPECT_TRUE(Connected(waiting, seconds(10))) << "by the next SYN";
  }
  EXPECT_TRUE(AllEcho(clients));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 20)));
}

TEST_P(RefuseModeTest, IsUndrainedWhenDrained) {
  TestPool pool(2);
  for (int i = 0; i < 3; ++i) {
    const Clients clients = ConnectSome(pool, 5);
    const auto begun = pool->Drain({.quiet_period = kNone, .refuse = GetParam(), .spread = kNone});
    ASSERT_TRUE(CloseWhenClosed(clients));
    EXPECT_EQ(pool.Ended(begun).result, OperationResult::kSucceeded);
    EXPECT_EQ(pool->Stats().state, kDrained);
    EXPECT_EQ(pool.Active(), 0U);
    EXPECT_EQ(pool->Resize({.target = 3}).status().message(),
              "the gateway is drained; undrain it first");
    EXPECT_EQ(pool->Drain({}).status().code(), absl::StatusCode::kFailedPrecondition);
    const auto state = pool->Undrain(std::nullopt);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(*state, kServing);
    EXPECT_EQ(pool.observed().back(), kServing);
    EXPECT_TRUE(AllEcho(ConnectSome(pool, 10)));
    ASSERT_TRUE(pool.WaitForActive(0));
  }
}

INSTANTIATE_TEST_SUITE_P(All, RefuseModeTest,
                         ::testing::Values(RefuseMode::kAccept, RefuseMode::kReset,
                                           RefuseMode::kSilent));

TEST_F(GatewayDrainTest, WhileQuietNewConnectionsAreServed) {
  TestPool pool(2);
  const auto begun =
      pool->Drain({.deadline = hours(2), .quiet_period = hours(1), .quiet_max_wait = hours(1)});
  ASSERT_TRUE(pool.WaitForState(kQuiet));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 10)));
  EXPECT_THAT(std::string(pool->Drain({}).status().message()), HasSubstr("already draining"));
  EXPECT_EQ(pool->Resize({.target = 3}).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(pool->Undrain(std::nullopt).ok());
  EXPECT_EQ(pool.Ended(begun).result, OperationResult::kCancelled);
  EXPECT_EQ(pool.Ended(begun).message, "undrained; the gateway serves again");
}

TEST_F(GatewayDrainTest, QuietEndsAfterItsMostInAnyCase) {
  TestPool pool(2);
  const Operation o =
      pool.Ended(pool->Drain({.quiet_period = hours(1), .quiet_max_wait = milliseconds(50)}));
  EXPECT_EQ(o.result, OperationResult::kSucceeded);
  EXPECT_THAT(o.message, HasSubstr("; the quiet period was cut short"));
  EXPECT_EQ(o.phases.at(1).name, "quiet");
  // It counts from the request, which waits for its turn before the first phase.
  auto end_of_quiet = o.elapsed;
  for (std::size_t i = 2; i < o.phases.size(); ++i) end_of_quiet -= o.phases[i].elapsed;
  EXPECT_GE(end_of_quiet, milliseconds(50));
}

TEST_F(GatewayDrainTest, TimeForTheClosingIsLeft) {
  TestPool pool(2);
  const auto client = pool.Connect();
  const Operation o = pool.Ended(pool->Drain({.deadline = milliseconds(2000),
                                              .quiet_period = hours(1),
                                              .quiet_max_wait = hours(1),
                                              .spread = milliseconds(1900)}));
  EXPECT_EQ(o.result, OperationResult::kTimedOut);
  EXPECT_GE(o.phases.back().elapsed, milliseconds(100)) << "quiet gave way";
  EXPECT_LT(o.elapsed, seconds(10));
}

// The idle come first, evenly over the spread.
TEST_F(GatewayDrainTest, ClosesTheIdleFirstAndSpread) {
  TestPool pool(1);
  const Clients clients = ConnectSome(pool, 8);
  const std::vector<std::size_t> by_activity = {5, 2, 7, 0, 3, 6, 1, 4};
  for (const std::size_t i : by_activity) {
    // The reactor notes activity in milliseconds; each must have one of its own.
    const auto next = std::chrono::steady_clock::now() + milliseconds(3);
    ASSERT_TRUE(WaitUntil([&] { return std::chrono::steady_clock::now() >= next; }));
    clients[i]->Offer(10);
    ASSERT_TRUE(clients[i]->PumpUntilDone());
  }
  const auto begun_at = std::chrono::steady_clock::now();
  const auto begun = pool->Drain({.quiet_period = kNone, .spread = milliseconds(800)});
  std::vector<std::size_t> order;
  std::vector<milliseconds> at;
  EXPECT_TRUE(WaitUntil([&] {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      (void)clients[i]->Pump();
      if (clients[i]->end() != StreamClient::End::kFin || std::ranges::count(order, i) > 0)
        continue;
      order.push_back(i);
      at.push_back(
          std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun_at));
      clients[i]->Close();
    }
    return order.size() == clients.size();
  }));
  EXPECT_EQ(order, by_activity);
  // The n-th is due after n eighths of the spread, and never before.
  for (std::size_t n = 0; n < at.size(); ++n) {
    EXPECT_GE(at[n] + milliseconds(5), milliseconds(800) * (n + 1) / 8) << n;
  }
  EXPECT_EQ(pool.Ended(begun).result, OperationResult::kSucceeded);
}

TEST_F(GatewayDrainTest, WhatIsLeftAtTheDeadlineIsReset) {
  TestPool pool(2);
  const auto deaf = pool.Connect(1);        // never closes
  const auto slow = pool.Connect(2, 4096);  // never reads: output is pending
  const auto polite = pool.Connect(3);
  slow->Offer(std::size_t{16} << 20U);
  EXPECT_TRUE(WaitUntil([&] {
    (void)slow->Pump(0);
    return pool->Stats().total.pending_bytes > 0;
  }));
  const auto begun =
      pool->Drain({.deadline = milliseconds(400), .quiet_period = kNone, .spread = kNone});
  EXPECT_TRUE(WaitUntil([&] {
    (void)polite->Pump();
    return polite->end() == StreamClient::End::kFin;
  }));
  polite->Close();
  const Operation o = pool.Ended(begun);
  EXPECT_EQ(o.result, OperationResult::kTimedOut);
  EXPECT_EQ(o.message, "the deadline passed: 1 connections closed, 2 reset");
  EXPECT_EQ(o.connections_closed, 1U);
  EXPECT_EQ(o.connections_reset, 2U);
  EXPECT_GE(o.elapsed, milliseconds(400));
  EXPECT_EQ(pool->Stats().state, kDrained);
  EXPECT_EQ(pool.Active(), 0U);
  EXPECT_EQ(pool->Stats().total.pending_bytes, 0U);
}

// All that the gateway had taken in comes back before its FIN.
TEST_F(GatewayDrainTest, PendingOutputIsDeliveredFirst) {
  TestPool pool(2);
  const auto client = pool.Connect(7, 4096);
  client->Offer(std::size_t{16} << 20U);
  EXPECT_TRUE(WaitUntil([&] {
    (void)client->Pump(0);
    return pool->Stats().total.pending_bytes > 0;
  }));
  const auto begun = pool->Drain({.quiet_period = kNone, .spread = kNone});
  ASSERT_TRUE(pool.WaitForState(kClosing));
  EXPECT_TRUE(WaitUntil([&] {
    (void)client->Pump();
    return client->end() != StreamClient::End::kOpen;
  }));
  EXPECT_EQ(client->end(), StreamClient::End::kFin);
  EXPECT_THAT(client->error(), HasSubstr("early end")) << "the only thing to complain about";
  const std::uint64_t came = client->received();
  client->Close();
  EXPECT_EQ(pool.Ended(begun).result, OperationResult::kSucceeded);
  const CounterSnapshot total = pool->Stats().total;
  EXPECT_EQ(total.sent_bytes, came);
  EXPECT_EQ(total.received_bytes, came);
}

TEST_F(GatewayDrainTest, IsUndrainedHalfwayThroughTheClosing) {
  TestPool pool(2);
  Clients clients = ConnectSome(pool, 20);
  const auto begun =
      pool->Drain({.deadline = hours(1), .quiet_period = kNone, .spread = milliseconds(1500)});
  auto closed = [&] {
    return static_cast<std::size_t>(std::ranges::count_if(clients, [](const auto& c) {
      (void)c->Pump();
      return c->end() == StreamClient::End::kFin;
    }));
  };
  EXPECT_TRUE(WaitUntil([&] { return closed() >= 4; }));
  ASSERT_TRUE(pool->Undrain(std::nullopt).ok());
  EXPECT_EQ(pool.Ended(begun).result, OperationResult::kCancelled);
  // Those that had our FIN are gone; no other is.
  const std::size_t gone = closed();
  EXPECT_LT(gone, 20U) << "on a machine so slow this test says nothing";
  std::erase_if(clients, [](const auto& c) { return c->end() != StreamClient::End::kOpen; });
  EXPECT_TRUE(AllEcho(clients));
  EXPECT_TRUE(pool.WaitForActive(20 - gone));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 5)));
  pool.Resize(1);
  EXPECT_TRUE(AllEcho(clients));
}

TEST_F(GatewayDrainTest, IsUndrainedAtAnyMoment) {
  TestPool pool(3);
  const Clients clients = ConnectSome(pool, 10);
  for (int i = 0; i < 60; ++i) {
    const auto begun = pool->Drain({.deadline = hours(1),
                                    .quiet_period = milliseconds(i % 3),
                                    .refuse = static_cast<RefuseMode>(i % 3),
                                    .spread = seconds(600)});
    ASSERT_TRUE(begun.ok()) << begun.status();
    for (int spin = 0; spin < i * 30; ++spin) std::this_thread::yield();
    const auto state = pool->Undrain(std::nullopt);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(*state, kServing);
    EXPECT_EQ(pool.Ended(begun).result, OperationResult::kCancelled);
    ASSERT_TRUE(AllEcho(clients));
    if (i % 10 == 0) {
      ASSERT_TRUE(AllEcho(ConnectSome(pool, 3)));
    }
  }
}

TEST_F(GatewayDrainTest, TakesTheTurnOfWhatIsUnderWay) {
  TestPool pool(3);
  const Clients clients = pool.ConnectTo(1, 3);
  const auto first = pool->Drain({.reactor = 1, .let_finish = true, .deadline = hours(1)});
  ASSERT_TRUE(pool.WaitForPhase("finish"));
  const auto second = pool->Drain({.quiet_period = kNone, .spread = kNone});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(pool.Ended(first).result, OperationResult::kCancelled);
  ASSERT_TRUE(CloseWhenClosed(clients));
  EXPECT_EQ(pool.Ended(second).result, OperationResult::kSucceeded);
  ASSERT_TRUE(pool->Undrain(std::nullopt).ok());
  EXPECT_THAT(pool.In(ReactorState::kServing), ElementsAre(0, 1, 2));
}

// A move that is cut short must be over when the closing begins, or connections would arrive where
// all have been closed already.
TEST_F(GatewayDrainTest, NothingArrivesWhereAllIsClosed) {
  for (int i = 0; i < 5; ++i) {
    PoolOptions options = LoopbackPool(2);
    options.reactor.slice_connections = 1;  // so that the move takes its time
    TestPool pool(options);
    const Clients clients = pool.ConnectTo(0, 500);
    const auto move = pool->Move({.from = 0, .to = 1});
    const auto drain = pool->Drain({.quiet_period = kNone, .spread = kNone});
    ASSERT_TRUE(drain.ok()) << drain.status();
    EXPECT_TRUE(CloseWhenClosed(clients));
    const Operation o = pool.Ended(drain);
    EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
    EXPECT_EQ(o.connections_closed, 500U);
    EXPECT_EQ(pool.Active(), 0U);
    EXPECT_EQ(pool.Ended(move).connections_moved, pool->Stats().total.connections_moved_out);
  }
}

TEST_F(GatewayDrainTest, LeavesDrainedAndParkedReactorsAsTheyAre) {
  TestPool pool(4);
  pool.Resize(3);
  pool.DrainReactor(1);
  const Clients clients = ConnectSome(pool, 6);
  const auto begun = pool->Drain({.quiet_period = kNone, .spread = kNone});
  ASSERT_TRUE(CloseWhenClosed(clients));
  EXPECT_EQ(pool.Ended(begun).result, OperationResult::kSucceeded);
  ASSERT_TRUE(pool->Undrain(std::nullopt).ok());
  EXPECT_THAT(pool.In(ReactorState::kDrained), ElementsAre(1));
  EXPECT_THAT(pool.In(ReactorState::kParked), ElementsAre(3));
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 10)));
  pool.Resize(4);
  EXPECT_TRUE(AllEcho(ConnectSome(pool, 10)));
}

}  // namespace
}  // namespace echogw::server
