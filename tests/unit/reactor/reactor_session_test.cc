// Goal: sessions within a reactor: their first and last turns, deadlines, moves and drains, with
// every poller.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/reactor_test_base.h"
#include "tests/unit/reactor/services/proxy_headers.h"

namespace echogw {
namespace {

using End = TestClient::End;

const std::string kLine = "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n";
const Service kProxy{.proxy = ProxyUse::kRequired};

class ReactorSessionTest : public ReactorTest {
 protected:
  [[nodiscard]] static TestReactorOptions Serving(const Service& service,
                                                  TestReactorOptions options = Options()) {
    options.service = service;
    options.reactor.instance = "gw-1";
    return options;
  }
  [[nodiscard]] static TestReactorOptions Target(std::uint32_t id,
                                                 TestReactorOptions options = Options()) {
    options.reactor.id = id;
    options.deaf = true;
    return options;
  }
  static std::uint64_t Headers(const TestReactor& reactor, ProxyOutcome outcome) {
    return reactor.counters().proxy_headers[static_cast<std::size_t>(outcome)];
  }
  // Turns until the client has received `size` bytes, and returns them.
  static std::string Take(const std::vector<TestReactor*>& reactors, TestClient& client,
                          std::size_t size) {
    EXPECT_TRUE(TurnAllUntil(reactors,
                             [&] {
                               client.Pump(size - client.received().size());
                               return client.received().size() >= size ||
                                      client.end() != End::kOpen;
                             }))
        << client.received().size() << " of " << size;
    return client.Receive(std::min(size, client.received().size()));
  }
  static bool IsChargen(const std::string& bytes, std::uint64_t offset) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint64_t at = (offset + i) % (95 * 74);
      const std::uint64_t line = at / 74;
      const std::uint64_t column = at % 74;
      const char expected = column == 72   ? '\r'
                            : column == 73 ? '\n'
                                           : static_cast<char>(' ' + (line + column) % 95);
      if (bytes[i] != expected) return false;
    }
    return true;
  }
};
INSTANTIATE_TEST_SUITE_P(, ReactorSessionTest, ::testing::ValuesIn(ReadinessPollers()),
                         PollerParamName);

TEST_P(ReactorSessionTest, AProxiedClientIsWhatOthersSee) {
  TestReactor reactor(Serving(kProxy));
  reactor.events().SetWatched(true);
  const auto client = reactor.Connect();
  std::vector<ConnectionEvent> events;
  reactor.events().Take(events);
  EXPECT_TRUE(events.empty()) << "the client is not known yet";
  client->Send(kLine.substr(0, 20));
  for (int i = 0; i < 10; ++i) reactor.Turn();
  client->Send(kLine.substr(20) + "hello");
  EXPECT_EQ(Take({&reactor}, *client, 5), "hello");
  PendingReplies box;
  box.Expect(5);
  reactor.Post(ReadConnections{.id = 5, .reply = &box});
  reactor.Turn();
  const auto slice = box.WaitFor(5, std::chrono::seconds(0));
  ASSERT_TRUE(slice.has_value());
  ASSERT_EQ(slice->records.size(), 1U);
  EXPECT_EQ(slice->records[0].peer.ToString(), "192.0.2.1:1000");
  EXPECT_EQ(slice->records[0].proxied_by.port, client->local_port());
  EXPECT_EQ(slice->records[0].received_bytes, 5U);
  client->HalfClose();
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
  reactor.events().Take(events);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0].opened);
  EXPECT_EQ(events[0].record.peer.ToString(), "192.0.2.1:1000");
  EXPECT_EQ(events[1].record.peer.ToString(), "192.0.2.1:1000");
}

TEST_P(ReactorSessionTest, ABadHeaderEndsItAndIsTold) {
  TestReactor reactor(Serving(kProxy));
  reactor.events().SetWatched(true);
  const auto client = reactor.Connect();
  client->Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
  EXPECT_EQ(reactor.closed(CloseReason::kProxyHeader), 1U);
  EXPECT_EQ(Headers(reactor, ProxyOutcome::kMissing), 1U);
  std::vector<ConnectionEvent> events;
  reactor.events().Take(events);
  ASSERT_EQ(events.size(), 2U) << "an opening and a closing";
  EXPECT_EQ(events[1].reason, CloseReason::kProxyHeader);
}

TEST_P(ReactorSessionTest, AHeaderThatDoesNotComeInTime) {
  ManualClock clock;
  TestReactorOptions options = Serving(kProxy);
  options.clock = &clock;
  TestReactor reactor(options);
  const auto silent = reactor.Connect();
  clock.Advance(4 * kNanosPerSecond);
  const auto slow = reactor.Connect();
  slow->Send("PROXY ");
  const auto quick = reactor.Connect();
  quick->Send(kLine);
  for (int i = 0; i < 20; ++i) reactor.Turn();
  clock.Advance(kNanosPerSecond + TimerWheel::kTick);
  EXPECT_EQ(ReadOut({&reactor}, *silent), "");
  EXPECT_EQ(reactor.closed(CloseReason::kHandshakeTimeout), 1U);
  clock.Advance(4 * kNanosPerSecond);
  EXPECT_EQ(ReadOut({&reactor}, *slow), "");
  EXPECT_EQ(reactor.closed(CloseReason::kHandshakeTimeout), 2U);
  EXPECT_EQ(Headers(reactor, ProxyOutcome::kTimedOut), 2U);
  EXPECT_EQ(reactor.Echo(*quick, "still here"), "still here");
}

TEST_P(ReactorSessionTest, AHeaderThatWaitsAtTheDeadlineIsInTime) {
  ManualClock clock;
  TestReactorOptions options = Serving(kProxy);
  options.clock = &clock;
  options.reactor.events_max = 1;
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(reactor.Connect());
  for (const auto& client : clients) client->Send(kLine + "hello");
  clock.Advance(5 * kNanosPerSecond + 2 * TimerWheel::kTick);
  for (const auto& client : clients) EXPECT_EQ(Take({&reactor}, *client, 5), "hello");
}

TEST_P(ReactorSessionTest, TimeLetsAnUndecidedClientIn) {
  ManualClock clock;
  TestReactorOptions options = Serving({.proxy = ProxyUse::kOptional});
  options.clock = &clock;
  TestReactor reactor(options);
  reactor.events().SetWatched(true);
  const auto client = reactor.Connect();
  client->Send("PRO");
  for (int i = 0; i < 10; ++i) reactor.Turn();
  clock.Advance(5 * kNanosPerSecond + TimerWheel::kTick);
  EXPECT_EQ(Take({&reactor}, *client, 3), "PRO");
  std::vector<ConnectionEvent> events;
  reactor.events().Take(events);
  EXPECT_EQ(events.size(), 1U) << "a watch is told when it is let in, not when it closes";
  EXPECT_EQ(reactor.Echo(*client, "XY"), "XY");
}

TEST_P(ReactorSessionTest, ItMovesInTheMiddleOfAHeader) {
  ManualClock clock;
  TestReactorOptions options = Serving(kProxy);
  options.clock = &clock;
  TestReactorOptions there = Target(1);
  there.clock = &clock;
  TestReactor a(options);
  TestReactor b(there);
  const auto client = a.Connect();
  const auto never = a.Connect();
  client->Send(kLine.substr(0, 30));
  for (int i = 0; i < 10; ++i) a.Turn();
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  client->Send(kLine.substr(30) + "hello");
  EXPECT_EQ(Take({&a, &b}, *client, 5), "hello");
  EXPECT_EQ(b.counters().connections_active, 2U);
  clock.Advance(5 * kNanosPerSecond + TimerWheel::kTick);
  EXPECT_EQ(ReadOut({&a, &b}, *never), "") << "its deadline moved with it";
  EXPECT_EQ(b.closed(CloseReason::kHandshakeTimeout), 1U);
}

TEST_P(ReactorSessionTest, ABannerComesUnasked) {
  TestReactor reactor(Serving({.mode = FindServiceMode("banner")}));
  const auto client = reactor.Connect();
  std::string line;
  ASSERT_TRUE(reactor.TurnUntil([&] {
    client->Pump();
    return client->received().find('\n') != std::string::npos;
  }));
  line = client->Receive(client->received().size());
  EXPECT_EQ(line.rfind("echogw instance=gw-1 ", 0), 0U) << line;
  EXPECT_NE(line.find(" peer=127.0.0.1:" + std::to_string(client->local_port()) + " "),
            std::string::npos)
      << line;
  EXPECT_NE(line.find(" local=127.0.0.1:" + std::to_string(reactor.port()) + "\n"),
            std::string::npos)
      << line;
  EXPECT_EQ(reactor.Echo(*client, "then echo"), "then echo");
}

TEST_P(ReactorSessionTest, DiscardTakesAllAndSaysNothing) {
  TestReactor reactor(Serving({.mode = FindServiceMode("discard")}));
  const auto client = reactor.Connect();
  std::string_view left;
  const std::string bytes = Pattern(1U << 20U);
  left = bytes;
  ASSERT_TRUE(reactor.TurnUntil([&] {
    left.remove_prefix(client->SendSome(left));
    return left.empty();
  }));
  client->HalfClose();
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
  EXPECT_EQ(client->end(), End::kFin);
  EXPECT_EQ(reactor.counters().received_bytes, bytes.size());
  EXPECT_EQ(reactor.counters().sent_bytes, 0U);
}

TEST_P(ReactorSessionTest, ChargenIsHeldBackByItsClientAndMovesWithoutAGap) {
  TestReactor a(Serving({.mode = FindServiceMode("chargen")}, TightOptions()));
  TestReactor b(Target(1, TightOptions()));
  const auto client = a.Connect(TightClient());
  std::uint64_t got = 0;
  // The client does not read: output stops.
  std::uint64_t before = UINT64_MAX;
  ASSERT_TRUE(
      a.TurnUntil([&] { return std::exchange(before, a.counters().sent_bytes) == before; }));
  EXPECT_GT(before, 0U);
  EXPECT_EQ(a.counters().pending_bytes, 0U);
  std::string bytes = Take({&a}, *client, 50'000);
  EXPECT_TRUE(IsChargen(bytes, got));
  got += bytes.size();
  // Input is read although the client takes no output.
  const std::uint64_t received = a.counters().received_bytes;
  client->Send("ignored");
  ASSERT_TRUE(a.TurnUntil([&] { return a.counters().received_bytes == received + 7; }));
  for (TestReactor* to : {&b, &a, &b}) {
    TestReactor* from = to == &b ? &a : &b;
    from->Post(MoveConnections{.id = 9 + got, .targets = {&to->mailbox()}});
    ASSERT_TRUE(TurnAllUntil({&a, &b}, [&] { return to->counters().connections_active == 1; }));
    bytes = Take({&a, &b}, *client, 30'000);
    EXPECT_EQ(bytes.size(), 30'000U);
    EXPECT_TRUE(IsChargen(bytes, got));
    got += bytes.size();
  }
  client->HalfClose();
  ASSERT_TRUE(TurnAllUntil({&a, &b}, [&] {
    client->Pump();
    return client->end() != End::kOpen;
  }));
  EXPECT_EQ(b.closed(CloseReason::kPeerClosed), 1U);
}

// Its client takes everything at once and sends nothing, so that no event leads to a turn.
TEST_P(ReactorSessionTest, ChargenThatIsNeverHeldBackIsNotIdle) {
  ManualClock clock;
  TestReactorOptions options = Serving({.mode = FindServiceMode("chargen")});
  options.clock = &clock;
  options.reactor.turn_bytes = 1;
  options.reactor.limits.idle_timeout = kNanosPerSecond;
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  for (int i = 0; i < 20; ++i) {
    clock.Advance(kNanosPerSecond / 5);
    reactor.Turn();
    client->Pump();
    (void)client->Receive(client->received().size());
  }
  EXPECT_EQ(reactor.closed(CloseReason::kIdleTimeout), 0U);
  EXPECT_EQ(client->end(), End::kOpen);
}

// Its turn never ends the queue of the loop, which must not hide that it sends nothing.
TEST_P(ReactorSessionTest, ChargenThatIsNeverHeldBackKeepsItsTimeForTheFirstByteAndItsAge) {
  for (const bool first_byte : {true, false}) {
    ManualClock clock;
    TestReactorOptions options = Serving({.mode = FindServiceMode("chargen")});
    options.clock = &clock;
    options.reactor.turn_bytes = 1;
    Limits& limits = options.reactor.limits;
    (first_byte ? limits.first_byte_timeout : limits.max_age) = kNanosPerSecond;
    TestReactor reactor(options);
    const auto client = reactor.Connect();
    for (int i = 0; i < 20 && client->end() == End::kOpen; ++i) {
      clock.Advance(kNanosPerSecond / 5);
      for (int turn = 0; turn < 3; ++turn) reactor.Turn();
      client->Pump();
      (void)client->Receive(client->received().size());
    }
    EXPECT_EQ(client->end(), End::kFin) << first_byte;
    client->Close();
    const auto reason = first_byte ? CloseReason::kNoFirstByte : CloseReason::kMaxAge;
    EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.closed(reason) == 1; }));
  }
}

// It has sent more at once than its rate allows in half a minute.
TEST_P(ReactorSessionTest, ANewRateForgivesWhatWasTooMuchForTheOld) {
  ManualClock clock;
  TestReactorOptions options = Serving({.mode = FindServiceMode("chargen")});
  options.clock = &clock;
  options.reactor.limits.rate = 1024;
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  for (int i = 0; i < 10; ++i) reactor.Turn();
  const std::uint64_t before = reactor.counters().sent_bytes;
  PendingReplies box;
  reactor.Post(SetLimits{.id = 1, .reply = &box, .limits = {.rate = 1024 * 1024}});
  for (int i = 0; i < 10; ++i) {
    clock.Advance(kNanosPerSecond / 10);
    reactor.Turn();
    client->Pump();
  }
  EXPECT_GT(reactor.counters().sent_bytes, before + 500'000);
}

TEST_P(ReactorSessionTest, ChargenStarvesNobody) {
  TestReactorOptions options = Serving({.mode = FindServiceMode("chargen")});
  TestListener echo;
  TestReactor reactor(options);
  reactor.Post(AdoptListeners{.id = 0, .listeners = {echo.On(0)}});
  std::vector<std::unique_ptr<TestClient>> greedy;
  for (int i = 0; i < 3; ++i) greedy.push_back(reactor.Connect());
  TestClient modest(echo.port);
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t before = reactor.counters().wakeups;
    modest.Send("ping");
    ASSERT_TRUE(reactor.TurnUntil([&] {
      for (const auto& client : greedy) client->Pump(1U << 16U);
      modest.Pump();
      return modest.received().size() == 4;
    }));
    EXPECT_EQ(modest.Receive(4), "ping");
    EXPECT_LT(reactor.counters().wakeups - before, 50U) << "round " << i;
  }
}

TEST_P(ReactorSessionTest, ADrainClosesEachPolitely) {
  for (const Service& service :
       {kProxy, Service{.mode = FindServiceMode("chargen")},
        Service{.mode = FindServiceMode("discard")}, Service{.mode = FindServiceMode("banner")}}) {
    TestReactor reactor(Serving(service));
    const auto client = reactor.Connect();
    for (int i = 0; i < 5; ++i) reactor.Turn();
    SystemClock clock;
    reactor.Post(CloseConnections{.id = 3, .hard_deadline = clock.Now() + 60 * kNanosPerSecond});
    ASSERT_TRUE(reactor.TurnUntil([&] {
      client->Pump();
      return client->end() != End::kOpen;
    })) << service.ToString();
    EXPECT_EQ(client->end(), End::kFin) << service.ToString();
    client->Close();
    const auto report = reactor.TurnUntilReport(3);
    EXPECT_EQ(report->connections_closed, 1U) << service.ToString();
    EXPECT_EQ(reactor.closed(CloseReason::kDrained), 1U);
  }
}

}  // namespace
}  // namespace echogw
