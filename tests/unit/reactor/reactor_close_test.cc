// Goal: a drain closes gracefully, idle connections first, spread over time, resets the rest at its
// deadline, and can be cancelled.
#include <memory>
#include <string>
#include <vector>

#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

using End = TestClient::End;

class ReactorCloseTest : public ReactorTest {
 protected:
  [[nodiscard]] TestReactorOptions ClockedOptions(TestReactorOptions options = Options()) {
    options.clock = &clock_;
    return options;
  }

  // Far enough away never to be reached.
  [[nodiscard]] Nanos Later() { return clock_.Now() + 1000 * kNanosPerSecond; }

  static void TurnTimes(TestReactor& reactor, int n) {
    for (int i = 0; i < n; ++i) reactor.Turn();
  }

  // How many of the clients have seen our FIN.
  static std::size_t Ended(const std::vector<std::unique_ptr<TestClient>>& clients) {
    std::size_t n = 0;
    for (const auto& client : clients) {
      client->Pump();
      n += client->end() == End::kFin ? 1U : 0U;
    }
    return n;
  }

  ManualClock clock_;
};
INSTANTIATE_TEST_SUITE_P(, ReactorCloseTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

TEST_P(ReactorCloseTest, IdleClientGetsFinAndIsWaitedFor) {
  TestReactor reactor(ClockedOptions());
  const auto client = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*client, "x"), "x");
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = Later()});
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
  EXPECT_EQ(client->end(), End::kFin);
  EXPECT_EQ(reactor.counters().connections_active, 1U) << "its FIN is awaited";
  client->Close();
  const auto report = reactor.TurnUntilReport(1);
  EXPECT_EQ(report->kind, ReportKind::kClosed);
  EXPECT_EQ(report->connections_closed, 1U);
  EXPECT_EQ(report->connections_reset, 0U);
  EXPECT_EQ(report->connections_left, 0U);
  EXPECT_EQ(reactor.closed(CloseReason::kDrained), 1U);
}

TEST_P(ReactorCloseTest, WithNobodyThereItIsDoneAtOnce) {
  TestReactor reactor(ClockedOptions());
  reactor.Post(CloseConnections{.id = 1, .spread = kNanosPerSecond, .hard_deadline = Later()});
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_closed, 0U);
}

TEST_P(ReactorCloseTest, WhatWasReceivedIsEchoedBeforeTheFin) {
  TestReactor reactor(ClockedOptions(TightOptions()));
  const auto client = reactor.Connect(TightClient());
  const std::string sent = Jam(reactor, *client);
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = Later()});
  TurnTimes(reactor, 5);
  EXPECT_TRUE(ReadOut({&reactor}, *client) == sent);
  EXPECT_EQ(client->end(), End::kFin);
  client->Close();
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_closed, 1U);
}

TEST_P(ReactorCloseTest, WhatComesAfterTheFinIsThrownAway) {
  TestReactor reactor(ClockedOptions());
  const auto client = reactor.Connect();
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = Later()});
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
  const std::string late = Pattern(std::size_t{2} << 20U);
  std::size_t sent = 0;
  ASSERT_TRUE(reactor.TurnUntil([&] {
    sent += client->SendSome(std::string_view(late).substr(sent));
    return sent == late.size();
  })) << "the client is no longer read, stuck after "
      << sent;
  client->HalfClose();
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_closed, 1U);
  EXPECT_NE(client->end(), End::kReset);
  EXPECT_EQ(reactor.counters().sent_bytes, 0U);
}

TEST_P(ReactorCloseTest, SpreadEvenlyIdleFirst) {
  TestReactor reactor(ClockedOptions());
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(reactor.Connect());
  // The last one has been idle longest.
  for (const auto& client : clients) {
    EXPECT_EQ(reactor.Echo(*client, "x"), "x");
  }
  for (std::size_t i = 10; i-- > 0;) {
    clock_.Advance(10 * kNanosPerMilli);
    EXPECT_EQ(reactor.Echo(*clients[i], "x"), "x");
  }
  constexpr Nanos kSpread = 10 * kNanosPerSecond;
  reactor.Post(CloseConnections{.id = 1, .spread = kSpread, .hard_deadline = Later()});
  TurnTimes(reactor, 3);
  EXPECT_EQ(Ended(clients), 0U);
  for (std::size_t i = 1; i <= 10; ++i) {
    clock_.Advance(kSpread / 10);
    ASSERT_TRUE(reactor.TurnUntil([&] { return Ended(clients) >= i; }));
    TurnTimes(reactor, 5);
    EXPECT_EQ(Ended(clients), i);
    EXPECT_EQ(clients[10 - i]->end(), End::kFin) << "not ordered by idle time";
  }
  clients.clear();
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_closed, 10U);
}

TEST_P(ReactorCloseTest, InSlicesSoThatNobodyWaitsLong) {
  TestReactorOptions options = ClockedOptions();
  options.reactor.slice_connections = 4;
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(reactor.Connect());
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = Later()});
  reactor.Turn();
  ASSERT_TRUE(reactor.TurnUntil([&] { return Ended(clients) >= 4; }));
  EXPECT_LE(Ended(clients), 12U) << "three turns at most";
  EXPECT_TRUE(reactor.TurnUntil([&] { return Ended(clients) == 20; }));
  clients.clear();
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_closed, 20U);
}

TEST_P(ReactorCloseTest, DeadlineResetsWhatIsLeft) {
  TestReactor reactor(ClockedOptions(TightOptions()));
  const auto polite = reactor.Connect();
  const auto stubborn = reactor.Connect();
  const auto jammed = reactor.Connect(TightClient());
  Jam(reactor, *jammed);
  const Nanos deadline = clock_.Now() + kNanosPerSecond;
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = deadline});
  EXPECT_EQ(ReadOut({&reactor}, *polite), "");
  polite->Close();
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 2; }));
  clock_.Advance(kNanosPerSecond - 1);
  TurnTimes(reactor, 5);
  EXPECT_EQ(reactor.counters().connections_active, 2U);
  clock_.Advance(1);
  const auto report = reactor.TurnUntilReport(1);
  EXPECT_EQ(report->connections_closed, 1U);
  EXPECT_EQ(report->connections_reset, 2U);
  EXPECT_EQ(report->connections_left, 0U);
  EXPECT_EQ(reactor.closed(CloseReason::kDrainForced), 2U);
  stubborn->Send("x");
  jammed->ReceiveToEnd();
  EXPECT_EQ(jammed->end(), End::kReset);
}

TEST_P(ReactorCloseTest, ClientsThatComeMeanwhileAreClosedToo) {
  TestReactor reactor(ClockedOptions());
  const auto first = reactor.Connect();
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = Later()});
  EXPECT_EQ(ReadOut({&reactor}, *first), "");
  TestClient late(reactor.port());
  late.Send("hello");
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 2; }));
  clock_.Advance(kNanosPerSecond);
  EXPECT_EQ(ReadOut({&reactor}, late), "hello");
  EXPECT_EQ(late.end(), End::kFin);
  first->Close();
  late.Close();
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_closed, 2U);
}

TEST_P(ReactorCloseTest, CalledOffTheRestLivesOn) {
  TestReactor reactor(ClockedOptions(TightOptions()));
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(reactor.Connect());
  clock_.Advance(kNanosPerSecond);
  const auto jammed = reactor.Connect(TightClient());
  const std::string sent = Jam(reactor, *jammed);
  clock_.Advance(kNanosPerSecond);
  for (const auto& client : clients) EXPECT_EQ(reactor.Echo(*client, "x"), "x");
  reactor.Post(CloseConnections{.id = 1, .spread = 10 * kNanosPerSecond, .hard_deadline = Later()});
  TurnTimes(reactor, 3);
  // Time for the blocked one, idle longest but unable to end, and one more.
  clock_.Advance(4 * kNanosPerSecond);
  ASSERT_TRUE(reactor.TurnUntil([&] { return Ended(clients) == 1; }));
  reactor.Post(CancelClose{.id = 2});
  const auto closed = reactor.TurnUntilReport(1);
  EXPECT_EQ(closed->connections_left, 5U);
  EXPECT_EQ(reactor.TurnUntilReport(2)->kind, ReportKind::kDone);

  clock_.Advance(2000 * kNanosPerSecond);
  TurnTimes(reactor, 5);
  EXPECT_EQ(Ended(clients), 1U);
  for (const auto& client : clients) {
    if (client->end() == End::kOpen) {
      EXPECT_EQ(reactor.Echo(*client, "on"), "on");
    }
  }
  ASSERT_TRUE(reactor.TurnUntil([&] {
    jammed->Pump();
    return jammed->received().size() == sent.size();
  }));
  EXPECT_EQ(jammed->end(), End::kOpen);
}

TEST_P(ReactorCloseTest, CallingOffWhatIsNotUnderWayIsDone) {
  TestReactor reactor(ClockedOptions());
  reactor.Post(CancelClose{.id = 7});
  EXPECT_EQ(reactor.TurnUntilReport(7)->kind, ReportKind::kDone);
}

TEST_P(ReactorCloseTest, ASecondCloseTakesThePlaceOfTheFirst) {
  TestReactor reactor(ClockedOptions());
  const auto client = reactor.Connect();
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = Later()});
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
  reactor.Post(CloseConnections{.id = 2, .hard_deadline = clock_.Now() + kNanosPerSecond});
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_left, 1U);
  clock_.Advance(kNanosPerSecond);
  EXPECT_EQ(reactor.TurnUntilReport(2)->connections_reset, 1U);
}

TEST_P(ReactorCloseTest, MovesWhileItCloses) {
  TestReactor a(ClockedOptions(TightOptions()));
  TestReactorOptions options = ClockedOptions(TightOptions());
  options.reactor.id = 1;
  TestReactor b(options);
  const auto jammed = a.Connect(TightClient());
  const std::string sent = Jam(a, *jammed);
  const auto idle = a.Connect();
  a.Post(CloseConnections{.id = 1, .hard_deadline = Later()});
  ASSERT_TRUE(a.TurnUntil([&] {
    idle->Pump();
    return idle->end() == End::kFin;
  }));
  a.Post(MoveConnections{.id = 2, .targets = {&b.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(2)->connections_moved, 2U);
  EXPECT_EQ(a.TurnUntilReport(1)->connections_left, 0U);
  // They close in b as they would have in a.
  EXPECT_TRUE(ReadOut({&a, &b}, *jammed) == sent);
  EXPECT_EQ(jammed->end(), End::kFin);
  jammed->Close();
  idle->Close();
  ASSERT_TRUE(b.TurnUntil([&] { return b.counters().connections_active == 0; }));
  EXPECT_EQ(b.closed(CloseReason::kDrained), 2U);
}

}  // namespace
}  // namespace echogw
