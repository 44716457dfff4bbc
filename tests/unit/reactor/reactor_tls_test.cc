// Goal: TLS on the data port neither loses, adds nor reorders bytes with any poller, buffer size or
// move; it closes cleanly, and each failure is counted. Method: a client that is stepped like the
// reactor, over the same stream class in the client role.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/services/proxy_headers.h"
#include "tests/unit/reactor/tls_test_base.h"

namespace echogw {
namespace {

using End = TestClient::End;

INSTANTIATE_TEST_SUITE_P(, ReactorTlsTest, ::testing::ValuesIn(ReadinessPollers()),
                         PollerParamName);

TEST_P(ReactorTlsTest, EchoesWithBothVersions) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TestReactor reactor(Serving());
    const auto client = Connect(reactor, version);
    for (const std::size_t size : {1U, 16383U, 16385U, 1U << 20U}) {
      ExpectEcho({&reactor}, *client, Pattern(size));
    }
    PendingReplies box;
    box.Expect(5);
    reactor.Post(ReadConnections{.id = 5, .reply = &box});
    reactor.Turn();
    const auto slice = box.WaitFor(5, std::chrono::seconds(0));
    ASSERT_EQ(slice->records.size(), 1U);
    EXPECT_EQ(slice->records[0].tls_version, version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    EXPECT_NE(slice->records[0].tls_cipher, "");
    EXPECT_EQ(reactor.counters().tls_handshakes, 1U);
    EXPECT_EQ(reactor.counters().received_bytes, reactor.counters().sent_bytes);
  }
}

TEST_P(ReactorTlsTest, StaysWhenConnectionsLeaveTheProcess) {
  TestReactor reactor(Serving());
  const auto client = Connect(reactor);
  const auto outbox = *Mailbox::Create();
  outbox->Open();
  // The job ends although one is left, and again.
  for (std::uint64_t id = 1; id <= 2; ++id) {
    reactor.Post(MoveConnections{.id = id, .targets = {outbox.get()}, .portable_only = true});
    const auto report = reactor.TurnUntilReport(id);
    EXPECT_EQ(report->connections_moved, 0U);
    EXPECT_EQ(report->connections_left, 1U);
  }
  ExpectEcho({&reactor}, *client, "still here");
  EXPECT_TRUE(outbox->Close().empty());
}

TEST_P(ReactorTlsTest, BothSidesEndPolitely) {
  TestReactor reactor(Serving());
  const auto client = Connect(reactor);
  EXPECT_EQ(client->SendSome("last words"), 10U);
  client->SendEnd();
  client->tcp().HalfClose();
  ASSERT_TRUE(reactor.TurnUntil([&] {
    client->Pump();
    return client->ended();
  }));
  EXPECT_EQ(client->received(), "last words");
  EXPECT_TRUE(client->got_close_notify());
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kPeerClosed) == 1; }));
}

TEST_P(ReactorTlsTest, FinWithoutCloseNotifyStillGetsAll) {
  TestReactor reactor(Serving());
  const auto client = Connect(reactor);
  EXPECT_EQ(client->SendSome("last words"), 10U);
  client->tcp().HalfClose();
  ASSERT_TRUE(reactor.TurnUntil([&] {
    client->Pump();
    return client->ended();
  }));
  EXPECT_EQ(client->received(), "last words");
  EXPECT_TRUE(client->got_close_notify());
  EXPECT_EQ(reactor.closed(CloseReason::kPeerClosed), 1U);
}

TEST_P(ReactorTlsTest, ASlowReaderCostsABufferAndMovesWithIt) {
  TestReactor a(Serving({}, TightOptions()));
  TestReactor b(Target(TightOptions()));
  const auto client = Connect(a, TLS1_3_VERSION, TightClient());
  const std::string bytes = Pattern(1U << 20U);
  std::size_t sent = 0;
  int quiet = 0;
  ASSERT_TRUE(a.TurnUntil([&] {
    const std::size_t n = client->SendSome(std::string_view(bytes).substr(sent));
    sent += n;
    quiet = n == 0 ? quiet + 1 : 0;
    return quiet > 30;
  }));
  ASSERT_LT(sent, bytes.size());
  EXPECT_GT(a.counters().pending_bytes, 0U);
  EXPECT_LE(a.counters().pending_bytes, 8192U);
  TestReactor* from = &a;
  TestReactor* to = &b;
  std::uint64_t id = 1;
  ASSERT_TRUE(TurnAllUntil({&a, &b}, [&] {
    sent += client->SendSome(std::string_view(bytes).substr(sent));
    const std::size_t before = client->received().size();
    client->Pump(3000);
    // Sometimes it moves to the other reactor, with pending output.
    if (before / 50'000 != client->received().size() / 50'000) {
      from->Post(MoveConnections{.id = ++id, .targets = {&to->mailbox()}});
      std::swap(from, to);
    }
    return client->received().size() == bytes.size() || client->ended();
  })) << client->received().size();
  EXPECT_TRUE(client->received() == bytes);
  EXPECT_GT(a.counters().connections_moved_in, 3U);
}

TEST_P(ReactorTlsTest, ItMovesInTheMiddleOfTheHandshake) {
  TestReactor a(Serving({.proxy = ProxyUse::kRequired}));
  TestReactor b(Target());
  TlsTestClient client(a.port());
  client.tcp().Send("PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n");
  EXPECT_FALSE(client.Handshake());
  ASSERT_TRUE(a.TurnUntil([&] {
    return a.counters().proxy_headers[static_cast<std::size_t>(ProxyOutcome::kV1)] == 1;
  }));
  for (int i = 0; i < 5; ++i) a.Turn();
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  ASSERT_TRUE(TurnAllUntil({&a, &b}, [&] { return client.Handshake(); }));
  ExpectEcho({&a, &b}, client, Pattern(100'000));
  EXPECT_EQ(b.counters().tls_handshakes, 1U);
}

TEST_P(ReactorTlsTest, FailuresAreCountedByReason) {
  ManualClock clock;
  TestReactorOptions options = Serving();
  options.clock = &clock;
  TestReactor reactor(options);
  const auto plain = reactor.Connect();
  plain->Send("GET / HTTP/1.0\r\n\r\n");
  (void)ReadOut({&reactor}, *plain);
  EXPECT_EQ(Failures(reactor, TlsFailure::kNotTls), 1U);
  EXPECT_EQ(reactor.closed(CloseReason::kTlsError), 1U);

  TlsTestClient old(reactor.port(), TLS1_1_VERSION);
  ASSERT_TRUE(reactor.TurnUntil([&] {
    (void)old.Handshake();
    return Failures(reactor, TlsFailure::kVersion) == 1;
  }));
  const auto gone = reactor.Connect();
  gone->HalfClose();
  (void)ReadOut({&reactor}, *gone);
  EXPECT_EQ(Failures(reactor, TlsFailure::kClosed), 1U);
  const auto silent = reactor.Connect();
  clock.Advance(5 * kNanosPerSecond + TimerWheel::kTick);
  (void)ReadOut({&reactor}, *silent);
  EXPECT_EQ(Failures(reactor, TlsFailure::kTimedOut), 1U);
  EXPECT_EQ(reactor.closed(CloseReason::kHandshakeTimeout), 1U);
  EXPECT_EQ(reactor.counters().tls_handshakes, 0U);
}

// The absence of a header is decided only at the deadline of the handshake.
TEST_P(ReactorTlsTest, AnOptionalHeaderGivesTheHandshakeNoMoreTime) {
  ManualClock clock;
  TestReactorOptions options = Serving({.proxy = ProxyUse::kOptional});
  options.clock = &clock;
  TestReactor reactor(options);
  const auto silent = reactor.Connect();
  for (int i = 0; i < 5; ++i) reactor.Turn();
  clock.Advance(5 * kNanosPerSecond + TimerWheel::kTick);
  for (int i = 0; i < 5; ++i) reactor.Turn();
  EXPECT_EQ(reactor.closed(CloseReason::kHandshakeTimeout), 1U);
  EXPECT_EQ(Failures(reactor, TlsFailure::kTimedOut), 1U);
}

TEST_P(ReactorTlsTest, BrokenRecordsEndTheConnection) {
  TestReactor reactor(Serving());
  const auto client = Connect(reactor);
  ExpectEcho({&reactor}, *client, "hello");
  client->tcp().Send("this is no record of TLS at all, but plain text");
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kTlsError) == 1; }));
}

TEST_P(ReactorTlsTest, ANewCertificateIsForNewConnections) {
  TestReactor reactor(Serving());
  const auto before = Connect(reactor);
  const TlsIdentity other = MakeTlsIdentity("new.example");
  EXPECT_FALSE(tls_.Load(other.certificate, Identity().key).ok()) << "not its key";
  EXPECT_FALSE(tls_.Load("no PEM", "at all").ok());
  ASSERT_TRUE(tls_.Load(other.certificate, other.key).ok());
  const auto after = Connect(reactor);
  EXPECT_EQ(before->server_name(), "gw.example");
  EXPECT_EQ(after->server_name(), "new.example");
  ExpectEcho({&reactor}, *before, "still here");
  ExpectEcho({&reactor}, *after, "here, too");
}

TEST_P(ReactorTlsTest, ADrainSaysGoodbye) {
  for (const ServiceMode* mode : {FindServiceMode("echo"), FindServiceMode("chargen")}) {
    TestReactor reactor(Serving({.mode = mode}, TightOptions()));
    const auto client = Connect(reactor, TLS1_3_VERSION, TightClient());
    if (mode == FindServiceMode("echo")) ExpectEcho({&reactor}, *client, "hello");
    if (mode == FindServiceMode("chargen")) {
      // Until it blocks in the middle of a record.
      std::uint64_t before = UINT64_MAX;
      ASSERT_TRUE(reactor.TurnUntil(
          [&] { return std::exchange(before, reactor.counters().sent_bytes) == before; }));
    }
    SystemClock clock;
    reactor.Post(CloseConnections{.id = 3, .hard_deadline = clock.Now() + 60 * kNanosPerSecond});
    ASSERT_TRUE(reactor.TurnUntil([&] {
      client->Pump();
      return client->ended();
    }));
    EXPECT_TRUE(client->got_close_notify());
    if (mode == FindServiceMode("chargen")) {
      const std::string& got = client->received();
      EXPECT_EQ(got.size(), reactor.counters().sent_bytes);
      for (std::size_t i = 0; i + 74 * 95 < got.size(); ++i) ASSERT_EQ(got[i], got[i + 74 * 95]);
    }
    client->tcp().Close();
    EXPECT_EQ(reactor.TurnUntilReport(3)->connections_closed, 1U);
  }
}

}  // namespace
}  // namespace echogw
