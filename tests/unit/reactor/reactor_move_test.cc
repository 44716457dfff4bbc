// Goal: a connection that moves keeps every byte and its state, and is counted in exactly one
// place.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

using End = TestClient::End;

class ReactorMoveTest : public ReactorTest {
 protected:
  [[nodiscard]] static TestReactorOptions Target(std::uint32_t id,
                                                 TestReactorOptions options = Options()) {
    options.reactor.id = id;
    options.deaf = true;
    return options;
  }

  // Connects `n` clients to `reactor`.
  static std::vector<std::unique_ptr<TestClient>> ConnectMany(TestReactor& reactor, int n) {
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < n; ++i) clients.push_back(reactor.Connect());
    return clients;
  }

  static std::uint64_t Active(const TestReactor& reactor) {
    return reactor.counters().connections_active;
  }
};
INSTANTIATE_TEST_SUITE_P(, ReactorMoveTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

TEST_P(ReactorMoveTest, AllGoInTurnAndAreServedThere) {
  TestReactor a(Options());
  TestReactor b(Target(1));
  TestReactor c(Target(2));
  const auto clients = ConnectMany(a, 10);
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox(), &c.mailbox()}});
  const auto report = a.TurnUntilReport(1);
  EXPECT_EQ(report->kind, ReportKind::kMoved);
  EXPECT_EQ(report->connections_moved, 10U);
  EXPECT_EQ(report->connections_left, 0U);
  ASSERT_TRUE(TurnAllUntil({&a, &b, &c}, [&] { return Active(b) + Active(c) == 10; }));
  EXPECT_EQ(Active(b), 5U);
  EXPECT_EQ(a.counters().connections_moved_out, 10U);
  EXPECT_EQ(b.counters().connections_moved_in, 5U);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::string text = "hello " + std::to_string(i);
    clients[i]->Send(text);
    ASSERT_TRUE(TurnAllUntil({&a, &b, &c}, [&] {
      clients[i]->Pump();
      return clients[i]->received() == text;
    }));
  }
  EXPECT_EQ(a.counters().received_bytes, 0U);
  for (TestReactor* r : {&a, &b, &c}) ExpectBalanced(r->counters());
}

TEST_P(ReactorMoveTest, BytesThatArriveUnderWayAreEchoed) {
  TestReactor a(Options());
  TestReactor b(Target(1));
  const auto client = a.Connect();
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  // It is in b's mailbox, watched by no poller.
  client->Send("in between");
  client->HalfClose();
  EXPECT_EQ(ReadOut({&a, &b}, *client), "in between");
  EXPECT_EQ(client->end(), End::kFin);
}

TEST_P(ReactorMoveTest, PendingOutputAndHalfCloseGoAlong) {
  TestReactor a(TightOptions());
  RecordingLog log(LogLevel::kDebug);
  TestReactorOptions options = Target(1, TightOptions());
  options.log = &log;
  TestReactor b(options);
  const auto client = a.Connect(TightClient());
  std::string sent = Jam(a, *client);
  client->HalfClose();
  for (int i = 0; i < 5; ++i) a.Turn();
  const std::uint64_t held = a.counters().pending_bytes;
  ASSERT_GT(held, 0U);
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 1U);
  EXPECT_EQ(a.counters().pending_bytes, 0U);
  ASSERT_TRUE(b.TurnUntil([&] { return Active(b) == 1; }));
  EXPECT_EQ(b.counters().pending_bytes, held);

  EXPECT_TRUE(ReadOut({&a, &b}, *client) == sent);
  EXPECT_EQ(client->end(), End::kFin);
  EXPECT_EQ(b.counters().pending_bytes, 0U);
  EXPECT_EQ(b.closed(CloseReason::kPeerClosed), 1U);
  // Its record includes what it did before it moved.
  const std::string size = std::to_string(sent.size());
  EXPECT_EQ(log.Count("received " + size + " bytes, sent " + size), 1U)
      << log.lines().back().second;
}

TEST_P(ReactorMoveTest, BackAndForthWhileItTalks) {
  TestReactor a(TightOptions());
  TestReactor b(Target(1, TightOptions()));
  const auto client = a.Connect(TightClient());
  const std::string bytes = Pattern(200'000);
  std::size_t sent = 0;
  std::uint64_t id = 1;
  TestReactor* here = &a;
  TestReactor* there = &b;
  while (client->received().size() < bytes.size()) {
    here->Post(MoveConnections{.id = id, .targets = {&there->mailbox()}});
    ASSERT_EQ(here->TurnUntilReport(id++)->connections_moved, 1U);
    ASSERT_TRUE(there->TurnUntil([&] { return Active(*there) == 1; }));
    std::swap(here, there);
    const std::size_t goal = std::min(bytes.size(), client->received().size() + 5000);
    ASSERT_TRUE(TurnAllUntil({here}, [&] {
      sent += client->SendSome(std::string_view(bytes).substr(sent));
      client->Pump(1000);
      return client->received().size() >= goal;
    }));
  }
  EXPECT_TRUE(client->received() == bytes);
  EXPECT_GT(id, 30U);
  EXPECT_EQ(a.counters().received_bytes + b.counters().received_bytes, bytes.size());
}

TEST_P(ReactorMoveTest, NoMoreThanAskedFor) {
  TestReactor a(Options());
  TestReactor b(Target(1));
  const auto clients = ConnectMany(a, 10);
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}, .count_max = 3});
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 3U);
  EXPECT_EQ(Active(a), 7U);
  a.Post(MoveConnections{.id = 2, .targets = {&b.mailbox()}, .count_max = 0});
  EXPECT_EQ(a.TurnUntilReport(2)->connections_moved, 0U);
  a.Post(MoveConnections{.id = 3, .targets = {&b.mailbox()}, .count_max = 100});
  EXPECT_EQ(a.TurnUntilReport(3)->connections_moved, 7U);
}

TEST_P(ReactorMoveTest, AnEmptyReactorAnswersAtOnce) {
  TestReactor a(Options());
  TestReactor b(Target(1));
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 0U);
}

TEST_P(ReactorMoveTest, ThoseThatJustCameRest) {
  ManualClock clock;
  TestReactorOptions options = Options();
  options.clock = &clock;
  TestReactor a(options);
  TestReactor b(Target(1, options));
  constexpr Nanos kRest = kNanosPerSecond;
  const auto old = a.Connect();
  clock.Advance(kRest);
  const auto young = a.Connect();
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}, .residency_min = kRest});
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 1U);
  ASSERT_TRUE(b.TurnUntil([&] { return Active(b) == 1; }));
  // It was open for long before, but is new in b.
  b.Post(MoveConnections{.id = 2, .targets = {&a.mailbox()}, .residency_min = kRest});
  EXPECT_EQ(b.TurnUntilReport(2)->connections_moved, 0U);
  clock.Advance(kRest);
  b.Post(MoveConnections{.id = 3, .targets = {&a.mailbox()}, .residency_min = kRest});
  EXPECT_EQ(b.TurnUntilReport(3)->connections_moved, 1U);
}

TEST_P(ReactorMoveTest, FullMailboxKeepsThemServedAtTheSource) {
  TestReactor a(Options());
  TestReactor b(Target(1));
  const auto clients = ConnectMany(a, 3);
  for (std::size_t i = 0; i < Mailbox::kCommandsMax; ++i) b.Post(SetAdmission{});
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  for (int i = 0; i < 10; ++i) a.Turn(kNanosPerMilli);
  EXPECT_EQ(Active(a), 3U);
  EXPECT_EQ(a.counters().connections_moved_out, 0U);
  EXPECT_EQ(a.Echo(*clients[0], "still served"), "still served");
  // They move as soon as there is room.
  ASSERT_TRUE(TurnAllUntil({&b, &a}, [&] { return Active(b) == 3; }));
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 3U);
  EXPECT_EQ(b.Echo(*clients[2], "served"), "served");
}

TEST_P(ReactorMoveTest, ClosedMailboxKeepsThemServedAtTheSource) {
  TestReactor a(TightOptions());
  auto closed = Mailbox::Create();
  ASSERT_TRUE(closed.ok());
  const auto jammed = a.Connect(TightClient());
  const std::string sent = Jam(a, *jammed);
  const auto other = a.Connect();
  a.Post(MoveConnections{.id = 1, .targets = {closed->get()}, .count_max = 10});
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 0U);
  EXPECT_EQ(a.Echo(*other, "x"), "x");
  jammed->HalfClose();
  EXPECT_TRUE(ReadOut({&a}, *jammed) == sent);
  EXPECT_EQ(a.counters().connections_moved_out, 0U);
  EXPECT_EQ(a.counters().connections_moved_in, 0U);
}

TEST_P(ReactorMoveTest, ASecondMoveTakesThePlaceOfOneThatCannotEnd) {
  TestReactor a(Options());
  TestReactor b(Target(1));
  auto closed = Mailbox::Create();
  ASSERT_TRUE(closed.ok());
  const auto clients = ConnectMany(a, 2);
  a.Post(MoveConnections{.id = 1, .targets = {closed->get()}});
  for (int i = 0; i < 10; ++i) a.Turn(kNanosPerMilli);
  a.Post(MoveConnections{.id = 2, .targets = {&b.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 0U);
  EXPECT_EQ(a.TurnUntilReport(2)->connections_moved, 2U);
}

TEST_P(ReactorMoveTest, NoTotalEverGoesBackWhenATargetHasNoRoom) {
  TestReactor a(Options());
  auto closed = Mailbox::Create();
  ASSERT_TRUE(closed.ok());
  const auto clients = ConnectMany(a, 3);
  // A scrape may happen at any time.
  std::atomic<bool> done{false};
  std::uint64_t most = 0;
  std::uint64_t looks = 0;
  std::thread scrape([&] {
    while (!done) {
      most = std::max(most, a.counters().connections_moved_out);
      ++looks;
    }
  });
  for (std::uint64_t id = 1; id <= 30; ++id) {
    a.Post(MoveConnections{.id = id, .targets = {closed->get()}, .count_max = 3});
    EXPECT_EQ(a.TurnUntilReport(id)->connections_moved, 0U);
  }
  done = true;
  scrape.join();
  EXPECT_EQ(most, 0U) << "seen in one of " << looks << " looks";
}

TEST_P(ReactorMoveTest, InSlicesSoThatNobodyWaitsLong) {
  ManualClock clock;
  TestReactorOptions options = Options();
  options.clock = &clock;
  options.reactor.slice_connections = 4;
  TestReactor a(options);
  TestReactor b(Target(1));
  const auto clients = ConnectMany(a, 20);
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}, .slice_pause = 10 * kNanosPerMilli});
  for (std::uint64_t slices = 1; slices <= 5; ++slices) {
    for (int i = 0; i < 3; ++i) a.Turn();
    EXPECT_EQ(a.counters().connections_moved_out, slices * 4);
    clock.Advance(10 * kNanosPerMilli);
  }
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 20U);
}

TEST_P(ReactorMoveTest, ToAReactorThatStopsInTheSameBreath) {
  TestReactor a(TightOptions());
  TestReactor b(Target(1, TightOptions()));
  const auto jammed = a.Connect(TightClient());
  Jam(a, *jammed);
  const auto idle = a.Connect();
  b.Post(Stop{});
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}, .count_max = 2});
  EXPECT_EQ(a.TurnUntilReport(1)->connections_moved, 2U);
  EXPECT_FALSE(b.Turn());
  EXPECT_EQ(b.counters().connections_moved_in, 2U);
  EXPECT_EQ(b.closed(CloseReason::kDrainForced), 2U);
  ExpectBalanced(b.counters());
  EXPECT_FALSE(b.mailbox().Post(Stop{}));
}

// An operator closes it with a turn's worth still to read, so that FIN is sent in the next turn.
TEST_P(ReactorMoveTest, OneThatClosesGetsItsFinWhereItMoves) {
  TestReactorOptions options = Options();
  options.reactor.turn_bytes = 100;
  options.reactor.events_max = 1;
  TestReactor a(options);
  options.reactor.id = 1;
  options.deaf = true;
  TestReactor b(options);
  const auto client = a.Connect();
  PendingReplies box;
  a.Post(CloseSome{.id = 1, .reply = &box, .refs = {{.id = 1, .slot = 0, .index = 0}}});
  a.Post(MoveConnections{.id = 2, .targets = {&b.mailbox()}});
  const std::string bytes = Pattern(100);
  client->Send(bytes);
  EXPECT_TRUE(TurnAllUntil({&a, &b}, [&] {
    client->Pump();
    return client->end() != TestClient::End::kOpen;
  }));
  EXPECT_EQ(client->ReceiveToEnd(), bytes);
  EXPECT_EQ(client->end(), TestClient::End::kFin);
}

}  // namespace
}  // namespace echogw
