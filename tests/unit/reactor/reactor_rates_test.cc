// Goal: connections and bytes beyond a rate wait, nothing is lost, others are not affected, and the
// loop does not spin. Method: over every poller, with a manual clock.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/reactor/limits_test_base.h"

namespace echogw {
namespace {

using End = TestClient::End;

class ReactorRatesTest : public LimitsTestBase {};
INSTANTIATE_TEST_SUITE_P(, ReactorRatesTest, ::testing::ValuesIn(ReadinessPollers()),
                         PollerParamName);

// ---- the accept rate ----

TEST_P(ReactorRatesTest, ConnectionsBeyondTheAcceptRateWait) {
  TestReactor reactor(Limited({.accept_rate = 10, .accept_burst = 2}));
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(std::make_unique<TestClient>(reactor.port()));
  const auto accepted = [&] { return reactor.counters().connections_accepted; };
  ASSERT_TRUE(reactor.TurnUntil([&] { return accepted() == 2; }));
  Turns(reactor, 20);
  EXPECT_EQ(accepted(), 2U);
  EXPECT_GE(reactor.counters().accept_rate_waits, 1U);
  const std::uint64_t wakeups = reactor.counters().ready_events;
  Turns(reactor, 20);
  EXPECT_EQ(reactor.counters().ready_events, wakeups) << "the loop spins on the listener";
  // A connection that closes does not let another one in before its time.
  clients.front()->Close();
  Turns(reactor, 10);
  EXPECT_EQ(accepted(), 2U);
  for (std::uint64_t n = 3; n <= 4; ++n) {
    Pass(reactor, kNanosPerSecond / 10);
    EXPECT_EQ(accepted(), n);
  }
  // A new rate applies at once.
  Set(reactor, {});
  EXPECT_TRUE(reactor.TurnUntil([&] { return accepted() == 6; }));
  EXPECT_EQ(reactor.counters().rejected_total(), 0U);
  EXPECT_EQ(reactor.Echo(*clients.back(), "at last"), "at last");
}

TEST_P(ReactorRatesTest, OrTheyAreReset) {
  TestReactor reactor(
      Limited({.accept_rate = 10, .accept_burst = 1, .accept_excess = AcceptExcess::kReset}));
  const auto first = reactor.Connect();
  TestClient second(reactor.port());
  EXPECT_EQ(EndOf(reactor, second), End::kReset);
  EXPECT_EQ(reactor.rejected(RejectReason::kAcceptRate), 1U);
  clock_.Advance(kNanosPerSecond / 10);
  const auto third = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*third, "x"), "x");
}

TEST_P(ReactorRatesTest, ADrainResetsThoseThatWaitForTheAcceptRate) {
  TestReactor reactor(Limited({.accept_rate = 1, .accept_burst = 1}));
  const auto first = reactor.Connect();
  TestClient second(reactor.port());
  Turns(reactor);
  reactor.Post(SetAdmission{.id = 1, .admission = Admission::kReset});
  EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.rejected(RejectReason::kDraining) == 1; }));
  EXPECT_EQ(EndOf(reactor, second), End::kReset);
}

// ---- bytes ----

TEST_P(ReactorRatesTest, AConnectionIsReadNoFasterThanItsRate) {
  TestReactor reactor(Limited({.rate = 100'000}));
  const auto slow = reactor.Connect();
  const std::string bytes = Pattern(200'000);
  std::size_t sent = 0;
  const auto turn = [&] {
    sent += slow->SendSome(std::string_view(bytes).substr(sent));
    Turns(reactor, 20);
    slow->Pump();
  };
  turn();
  turn();
  // A quarter of a second's worth at once, then at most one byte to learn whether more is left.
  EXPECT_EQ(slow->received().size(), 25'000U);
  const std::uint64_t reads = reactor.counters().reads;
  turn();
  EXPECT_EQ(reactor.counters().reads, reads) << "it is read although it is paused";
  // Others are served.
  const auto other = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*other, "hello"), "hello");
  std::vector<std::size_t> got;
  for (int i = 0; i < 40 && slow->received().size() < bytes.size(); ++i) {
    clock_.Advance(kNanosPerSecond / 20);
    turn();
    got.push_back(slow->received().size());
  }
  ASSERT_GE(got.size(), 34U) << "200,000 bytes take 1.75 s and the first quarter";
  EXPECT_LE(got[19], 25'000U + 100'000U);
  EXPECT_GE(got[19], 75'000U);
  EXPECT_EQ(slow->received(), bytes) << "not a byte is lost or changed";
  slow->HalfClose();
  EXPECT_EQ(EndOf(reactor, *slow), End::kFin);
  EXPECT_EQ(reactor.closed(CloseReason::kPeerClosed), 1U);
}

TEST_P(ReactorRatesTest, APausedConnectionMovesAndEndsLikeAnyOther) {
  const Limits limits{.rate = 1000};
  TestReactor a(Limited(limits));
  TestReactorOptions options = Limited(limits);
  options.reactor.id = 1;
  options.deaf = true;
  TestReactor b(options);
  const auto moves = a.Connect();
  const auto resets = a.Connect();
  const std::string bytes = Pattern(600);
  moves->Send(bytes);
  resets->Send(bytes);
  ASSERT_TRUE(a.TurnUntil([&] { return a.counters().received_bytes >= 500; }));
  Turns(a);
  resets->Reset();
  // select() does not report a reset without an interest in reading; it is found later.
  ASSERT_TRUE(GetParam() == PollerKind::kSelect ||
              a.TurnUntil([&] { return a.closed(CloseReason::kPeerReset) == 1; }));
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  Turns(b);
  moves->Pump();
  EXPECT_LE(moves->received().size(), 252U) << "its bucket moved with it";
  for (int i = 0; i < 10; ++i) {
    Pass(b, kNanosPerSecond / 10);
    moves->Pump();
  }
  EXPECT_EQ(moves->received(), bytes);
}

TEST_P(ReactorRatesTest, AClosePaysNoHeedToTheRate) {
  TestReactor reactor(Limited({.rate = 1000}));
  const auto client = reactor.Connect();
  const std::string bytes = Pattern(20'000);
  client->Send(bytes);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().received_bytes == 250; }));
  // The clock stands still.
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = kNever});
  EXPECT_EQ(ReadOut({&reactor}, *client), bytes);
  EXPECT_EQ(client->end(), End::kFin);
  client->Close();
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_closed, 1U);
}

TEST_P(ReactorRatesTest, TakingTheRateBackLetsAPausedConnectionGoOn) {
  TestReactor reactor(Limited({.rate = 100, .idle_timeout = kNanosPerSecond / 10}));
  const auto client = reactor.Connect();
  const std::string bytes = Pattern(1000);
  client->Send(bytes);
  Turns(reactor);
  Pass(reactor, kNanosPerSecond / 10);
  EXPECT_EQ(reactor.counters().connections_active, 1U) << "a paused connection is not idle";
  Set(reactor, {});
  ASSERT_TRUE(reactor.TurnUntil([&] {
    client->Pump();
    return client->received().size() == bytes.size();
  }));
  EXPECT_EQ(client->received(), bytes);
}

TEST_P(ReactorRatesTest, TheOutputBufferBoundsWhatIsHeld) {
  TestReactor reactor(Limited({.output_buffer = 512}, true));
  const auto client = reactor.Connect(TightClient());
  std::string sent = Jam(reactor, *client);
  EXPECT_GT(reactor.counters().pending_bytes, 0U);
  EXPECT_LE(reactor.counters().pending_bytes, 512U);
  client->HalfClose();
  EXPECT_EQ(ReadOut({&reactor}, *client), sent);
}

}  // namespace
}  // namespace echogw
