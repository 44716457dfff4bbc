// Goal: every limit on time or number works, counts its own reason, and can be set, changed and
// removed while connections are open. Method: over every poller, with a manual clock.
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/hooked_socket_io.h"
#include "tests/support/wait_until.h"
#include "tests/unit/reactor/limits_test_base.h"

namespace echogw {
namespace {

using End = TestClient::End;

class ReactorLimitsTest : public LimitsTestBase {};
INSTANTIATE_TEST_SUITE_P(, ReactorLimitsTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

// ---- time ----

TEST_P(ReactorLimitsTest, AnIdleConnectionIsClosedPolitelyAndABusyOneStays) {
  TestReactor reactor(Limited({.idle_timeout = kNanosPerSecond}));
  const auto idle = reactor.Connect();
  const auto busy = reactor.Connect();
  for (int i = 0; i < 10; ++i) {
    Pass(reactor, kNanosPerSecond / 5);
    EXPECT_EQ(reactor.Echo(*busy, "ping"), "ping");
    if (i == 3) {
      EXPECT_EQ(reactor.counters().connections_active, 2U) << "too early";
    }
  }
  EXPECT_EQ(EndOf(reactor, *idle), End::kFin);
  idle->Close();
  EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kIdleTimeout) == 1; }));
  EXPECT_EQ(reactor.Echo(*busy, "still here"), "still here");
  Pass(reactor, kNanosPerSecond + kSlack);
  EXPECT_EQ(EndOf(reactor, *busy), End::kFin);
}

TEST_P(ReactorLimitsTest, AnOldConnectionIsClosedHoweverBusy) {
  TestReactor reactor(Limited({.max_age = kNanosPerSecond}));
  const auto client = reactor.Connect();
  Pass(reactor, kNanosPerSecond - kSlack);
  EXPECT_EQ(reactor.Echo(*client, "a last word"), "a last word");
  Pass(reactor, 2 * kSlack);
  EXPECT_EQ(EndOf(reactor, *client), End::kFin);
  client->Close();
  EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kMaxAge) == 1; }));
}

TEST_P(ReactorLimitsTest, OneThatSendsNothingIsClosedAndOneByteIsEnough) {
  TestReactor reactor(Limited({.first_byte_timeout = kNanosPerSecond}));
  const auto silent = reactor.Connect();
  const auto quick = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*quick, "x"), "x");
  Pass(reactor, kNanosPerSecond + kSlack);
  EXPECT_EQ(EndOf(reactor, *silent), End::kFin);
  silent->Close();
  EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kNoFirstByte) == 1; }));
  Pass(reactor, 100 * kNanosPerSecond);
  EXPECT_EQ(reactor.Echo(*quick, "y"), "y");
}

TEST_P(ReactorLimitsTest, WhoDoesNotAnswerTheFinIsResetAndCountsAsClosedByTheLimit) {
  TestReactor reactor(Limited({.max_age = kNanosPerSecond}));
  const auto client = reactor.Connect();
  Pass(reactor, kNanosPerSecond + kSlack);
  EXPECT_EQ(EndOf(reactor, *client), End::kFin);
  Pass(reactor, 4 * kNanosPerSecond);
  EXPECT_EQ(reactor.counters().connections_active, 1U);
  Pass(reactor, kNanosPerSecond + kSlack);
  EXPECT_EQ(reactor.closed(CloseReason::kMaxAge), 1U);
  // A reset is seen by a writer whose peer's FIN it has read.
  ASSERT_TRUE(reactor.TurnUntil([&] {
    return ::send(client->fd(), "x", 1, MSG_NOSIGNAL) < 0 &&
           (errno == EPIPE || errno == ECONNRESET);
  }));
}

TEST_P(ReactorLimitsTest, AClientThatNeverReadsIsIdleAndResetInTheEnd) {
  TestReactor reactor(Limited({.idle_timeout = kNanosPerSecond}, true));
  const auto client = reactor.Connect(TightClient());
  (void)Jam(reactor, *client);
  Pass(reactor, kNanosPerSecond + kSlack);
  EXPECT_EQ(reactor.counters().connections_active, 1U) << "it may still take its pending output";
  // Its kernel may take a little more.
  for (int i = 0; i < 5 && reactor.closed(CloseReason::kIdleTimeout) == 0; ++i) {
    Pass(reactor, 5 * kNanosPerSecond + kSlack);
  }
  EXPECT_EQ(reactor.closed(CloseReason::kIdleTimeout), 1U);
  EXPECT_EQ(reactor.counters().pending_bytes, 0U);
}

TEST_P(ReactorLimitsTest, LimitsOnTimeHoldAtOnceForThoseThatAreThere) {
  TestReactor reactor(Limited({}));
  const auto client = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*client, "x"), "x");
  Pass(reactor, 10 * kNanosPerSecond);
  Set(reactor, {.idle_timeout = 60 * kNanosPerSecond});
  EXPECT_EQ(reactor.counters().connections_active, 1U);
  Set(reactor, {.idle_timeout = 5 * kNanosPerSecond});
  Pass(reactor, kSlack);
  EXPECT_EQ(EndOf(reactor, *client), End::kFin);
  // Once removed, it closes no more connections; the close in progress continues.
  const auto other = reactor.Connect();
  Set(reactor, {});
  client->Close();
  EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kIdleTimeout) == 1; }));
  Pass(reactor, 100 * kNanosPerSecond);
  EXPECT_EQ(reactor.Echo(*other, "y"), "y");
}

TEST_P(ReactorLimitsTest, ADrainThatIsTakenBackLeavesTheLimitsAsTheyWere) {
  TestReactor reactor(Limited({.idle_timeout = kNanosPerSecond}, true));
  const auto client = reactor.Connect(TightClient());
  const std::string sent = Jam(reactor, *client);
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = kNever});
  // Its timer fires during the drain.
  Pass(reactor, 2 * kNanosPerSecond);
  reactor.Post(CancelClose{.id = 2});
  ASSERT_TRUE(reactor.TurnUntilReport(2).has_value());
  // Its kernel may take a little more, and then it is not idle for another time.
  for (int i = 0; i < 4; ++i) Pass(reactor, kNanosPerSecond + kSlack);
  EXPECT_EQ(ReadOut({&reactor}, *client), sent);
  EXPECT_EQ(client->end(), End::kFin);
  client->Close();
  EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kIdleTimeout) == 1; }));
}

// After the process was stopped, timers are due while most of what arrived has not been seen.
TEST_P(ReactorLimitsTest, WhoseBytesWaitIsNotIdle) {
  TestReactorOptions options =
      Limited({.idle_timeout = kNanosPerSecond, .first_byte_timeout = 2 * kNanosPerSecond});
  options.reactor.events_max = 1;
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  // More than io_uring reports in one turn.
  for (int i = 0; i < 200; ++i) clients.push_back(reactor.Connect());
  for (const auto& client : clients) client->Send("x");
  clock_.Advance(5 * kNanosPerSecond);
  Turns(reactor, 400);
  for (const auto& client : clients) {
    client->Pump();
    EXPECT_EQ(client->received(), "x");
    EXPECT_EQ(client->end(), End::kOpen);
  }
  Pass(reactor, kNanosPerSecond + kSlack);
  for (const auto& client : clients) EXPECT_EQ(EndOf(reactor, *client), End::kFin);
}

// All that the client takes is in the kernel, and no event tells of it.
TEST_P(ReactorLimitsTest, WhoTakesBytesSlowlyButSteadilyIsNotIdle) {
  TestReactorOptions options = Limited({.idle_timeout = kNanosPerSecond});
  options.listen.send_buffer_bytes = 1 << 20U;
  TestReactor reactor(options);
  const auto client = reactor.Connect({.receive_buffer_bytes = 4096, .segment_bytes = 1000});
  const std::string sent = Pattern(60'000);
  client->Send(sent);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().sent_bytes == sent.size(); }));
  while (client->received().size() < sent.size()) {
    const std::size_t before = client->received().size();
    ASSERT_TRUE(reactor.TurnUntil([&] {
      client->Pump(4000);
      return client->received().size() >= std::min(before + 4000, sent.size());
    }));
    ASSERT_EQ(client->end(), End::kOpen) << before;
    Pass(reactor, kNanosPerSecond / 4 + TimerWheel::kTick);
  }
  EXPECT_TRUE(client->received() == sent);
  Pass(reactor, 2 * kNanosPerSecond);
  EXPECT_EQ(EndOf(reactor, *client), End::kFin) << "now it is idle";
}

TEST_P(ReactorLimitsTest, WhoIsClosedMayTakeItsBytesAsLongAsItGoesOn) {
  TestReactorOptions options = Limited({.max_age = kNanosPerSecond});
  options.listen.send_buffer_bytes = 1 << 20U;
  TestReactor reactor(options);
  const auto client = reactor.Connect({.receive_buffer_bytes = 4096, .segment_bytes = 1000});
  const auto stuck = reactor.Connect({.receive_buffer_bytes = 4096, .segment_bytes = 1000});
  const std::string sent = Pattern(60'000);
  client->Send(sent);
  stuck->Send(sent);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().sent_bytes == 2 * sent.size(); }));
  Pass(reactor, kNanosPerSecond + kSlack);
  while (client->received().size() < sent.size()) {
    const std::size_t before = client->received().size();
    ASSERT_TRUE(reactor.TurnUntil([&] {
      client->Pump(20'000);
      return client->received().size() >= std::min(before + 20'000, sent.size());
    })) << before;
    Pass(reactor, 5 * kNanosPerSecond + kSlack);
  }
  EXPECT_TRUE(client->received() == sent);
  EXPECT_EQ(reactor.closed(CloseReason::kMaxAge), 1U) << "the one that takes nothing";
  EXPECT_EQ(EndOf(reactor, *client), End::kFin);
  Pass(reactor, 5 * kNanosPerSecond + kSlack);
  Pass(reactor, 5 * kNanosPerSecond + kSlack);
  EXPECT_EQ(reactor.closed(CloseReason::kMaxAge), 2U) << "it did not close";
}

// ---- numbers ----

TEST_P(ReactorLimitsTest, NewLimitsAreAppliedInSlices) {
  TestReactorOptions options = Limited({});
  options.reactor.slice_slots = 4;
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(reactor.Connect());
  replies_.Expect(1);
  replies_.Expect(2);
  reactor.Post(SetLimits{.id = 1, .reply = &replies_, .limits = {.max_age = kNanosPerSecond}});
  reactor.Turn();
  reactor.Turn();
  // Another one takes its place; both are in force, or replaced, when all is done.
  reactor.Post(SetLimits{.id = 2, .reply = &replies_, .limits = {.idle_timeout = kNanosPerSecond}});
  Turns(reactor, 100);
  for (const std::uint64_t id : {1U, 2U}) {
    EXPECT_TRUE(replies_.WaitFor(id, std::chrono::nanoseconds(0)).has_value());
  }
  Pass(reactor, kNanosPerSecond + kSlack);
  for (const auto& client : clients) EXPECT_EQ(EndOf(reactor, *client), End::kFin);
  // One that ends before it is done replies as well.
  replies_.Expect(3);
  reactor.Post(SetLimits{.id = 3, .reply = &replies_});
  reactor.Turn();
  reactor.Finish();
  EXPECT_TRUE(replies_.WaitFor(3, std::chrono::nanoseconds(0)).has_value());
}

// A question may come after the last look at the mailbox.
TEST_P(ReactorLimitsTest, AQuestionToAReactorThatEndsIsAnswered) {
  HookedSocketIo io;
  TestReactorOptions options = Limited({});
  options.io = &io;
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  PendingReplies& replies = replies_;
  for (const std::uint64_t id : {1U, 2U, 3U, 4U}) replies.Expect(id);
  io.on_reset = [&reactor, &replies] {
    reactor.Post(ReadConnections{.id = 1, .reply = &replies});
    reactor.Post(InspectConnection{.id = 2, .reply = &replies});
    reactor.Post(CloseSome{.id = 3, .reply = &replies});
    reactor.Post(SetLimits{.id = 4, .reply = &replies});
  };
  reactor.Finish();
  for (const std::uint64_t id : {1U, 2U, 3U, 4U}) {
    EXPECT_TRUE(replies.WaitFor(id, std::chrono::nanoseconds(0)).has_value()) << id;
  }
}

TEST_P(ReactorLimitsTest, TotalAndClientLimitsCountWhatIsThereAlready) {
  ConnectionLimiter limiter;
  TestReactorOptions options = Limited({});
  options.limiter = &limiter;
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(reactor.Connect());
  EXPECT_EQ(limiter.total(), 0U) << "nothing is counted without a limit";

  Set(reactor, {.max_connections_per_client = 4});
  EXPECT_EQ(limiter.total(), 3U);
  EXPECT_EQ(limiter.Clients(), 1U);
  clients.push_back(reactor.Connect());
  TestClient fifth(reactor.port());
  EXPECT_EQ(EndOf(reactor, fifth), End::kReset);
  EXPECT_EQ(reactor.rejected(RejectReason::kClientLimit), 1U);

  // A lower one closes no connection; there is room again once enough have closed.
  Set(reactor, {.max_connections_total = 3});
  EXPECT_EQ(reactor.counters().connections_active, 4U);
  TestClient sixth(reactor.port());
  EXPECT_EQ(EndOf(reactor, sixth), End::kReset);
  EXPECT_EQ(reactor.rejected(RejectReason::kTotalLimit), 1U);
  clients.pop_back();
  clients.pop_back();
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 2; }));
  EXPECT_EQ(limiter.total(), 2U);
  clients.push_back(reactor.Connect());
  EXPECT_EQ(reactor.Echo(*clients.back(), "in"), "in");

  Set(reactor, {});
  EXPECT_EQ(limiter.total(), 0U);
  EXPECT_EQ(limiter.Clients(), 0U);
}

TEST_P(ReactorLimitsTest, TheLimitOfOneReactorIsLive) {
  TestReactor reactor(Limited({.max_connections = 1}));
  const auto first = reactor.Connect();
  TestClient second(reactor.port());
  EXPECT_EQ(EndOf(reactor, second), End::kReset);
  Set(reactor, {.max_connections = 2});
  const auto third = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*third, "x"), "x");
  EXPECT_EQ(reactor.rejected(RejectReason::kTableFull), 1U);
}

TEST_P(ReactorLimitsTest, CountsAndAgesGoAlongWithAMove) {
  ConnectionLimiter limiter;
  const Limits limits{.max_connections_total = 100, .rate = 1 << 20, .max_age = kNanosPerSecond};
  TestReactorOptions options = Limited(limits);
  options.limiter = &limiter;
  TestReactor a(options);
  options.reactor.id = 1;
  options.deaf = true;
  TestReactor b(options);
  options.reactor.id = 2;
  options.reactor.limits = {};
  TestReactor free(options);  // has not heard of the limits
  const auto one = a.Connect();
  const auto two = a.Connect();
  Pass(a, kNanosPerSecond / 2);
  Turns(b);
  Turns(free);
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox(), &free.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  ASSERT_TRUE(TurnAllUntil({&a, &b, &free}, [&] {
    return b.counters().connections_active + free.counters().connections_active == 2;
  }));
  EXPECT_EQ(limiter.total(), 1U) << "nothing is counted without a limit";
  free.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(free.TurnUntilReport(1).has_value());
  Turns(b);
  EXPECT_EQ(limiter.total(), 2U);
  Pass(b, kNanosPerSecond / 2 + kSlack);
  EXPECT_EQ(EndOf(b, *one), End::kFin);
  EXPECT_EQ(EndOf(b, *two), End::kFin);
  b.Finish();
  EXPECT_EQ(limiter.total(), 0U);
}

TEST_P(ReactorLimitsTest, ConnectionsThatEndWithTheirReactorAreNotCountedOn) {
  ConnectionLimiter limiter;
  TestReactorOptions options = Limited({.max_connections_total = 100});
  options.limiter = &limiter;
  TestReactor a(options);
  options.reactor.id = 1;
  options.deaf = true;
  TestReactor b(options);
  const auto client = a.Connect();
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  EXPECT_EQ(limiter.total(), 1U);
  b.Finish();
  EXPECT_EQ(limiter.total(), 0U);
}

// ---- disabled limits cost nothing ----

TEST_P(ReactorLimitsTest, WithoutLimitsNothingWakesTheLoop) {
  constexpr std::chrono::nanoseconds kWait = std::chrono::milliseconds(20);
  // A leftover timer would end each wait at once.
  const auto longest = LongestWait(kWait / 2, [&] {
    TestReactor reactor(Limited({}));
    const auto client = reactor.Connect();
    EXPECT_EQ(reactor.Echo(*client, "x"), "x");
    Set(reactor, {.idle_timeout = 10 * kNanosPerSecond});
    Set(reactor, {});
    clock_.Advance(3600 * kNanosPerSecond);
    const std::uint64_t before = reactor.counters().wakeups;
    const auto begun = std::chrono::steady_clock::now();
    reactor.Turn(kWait.count());
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_EQ(reactor.counters().wakeups, before + 1);
    EXPECT_EQ(reactor.counters().connections_active, 1U);
    return took;
  });
  EXPECT_GE(longest, kWait / 2);
}

}  // namespace
}  // namespace echogw
