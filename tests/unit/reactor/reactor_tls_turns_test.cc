// Goal: what a client of TLS sends neither holds up the others nor gets lost at its end. Method: as
// reactor_tls_test.cc.
#include <algorithm>
#include <string>
#include <string_view>

#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/tls_test_base.h"

namespace echogw {
namespace {

using ReactorTlsTurnsTest = ReactorTlsTest;
INSTANTIATE_TEST_SUITE_P(, ReactorTlsTurnsTest, ::testing::ValuesIn(ReadinessPollers()),
                         PollerParamName);

// After the process was stopped for long, a client still has time for its next message.
TEST_P(ReactorTlsTurnsTest, AHandshakeSurvivesAStopOfTheProcess) {
  ManualClock clock;
  TestReactorOptions options = Serving();
  options.clock = &clock;
  TestReactor reactor(options);
  TlsTestClient client(reactor.port());
  EXPECT_FALSE(client.Handshake());  // the first message is out
  for (int i = 0; i < 3; ++i) reactor.Turn();
  clock.Advance(8 * kNanosPerSecond);
  EXPECT_TRUE(reactor.TurnUntil([&] { return client.Handshake(); }));
  ExpectEcho({&reactor}, client, "hello");
}

// A record of one byte costs as much work as one of thousands.
TEST_P(ReactorTlsTurnsTest, TinyRecordsDoNotProlongATurn) {
  TestReactor reactor(Serving());
  const auto client = Connect(reactor);
  ExpectEcho({&reactor}, *client, "hello");
  constexpr std::size_t kRecords = 500;
  for (std::size_t i = 0; i < kRecords; ++i) ASSERT_EQ(client->SendSome("x"), 1U);
  std::uint64_t longest = 0;
  ASSERT_TRUE(reactor.TurnUntil([&] {
    const std::uint64_t before = reactor.counters().reads;
    reactor.Turn();
    longest = std::max(longest, reactor.counters().reads - before);
    client->Pump();
    return client->received().size() == 5 + kRecords;
  }));
  EXPECT_LE(longest, 2 * kTurnReads) << "as an event, then in the queue";
}

TEST_P(ReactorTlsTurnsTest, RecordsWithoutPayloadHaveALimit) {
  TestReactor reactor(Serving());
  const auto client = Connect(reactor);
  for (int i = 0; i < 30; ++i) client->UpdateKey();
  ExpectEcho({&reactor}, *client, "hello");
  for (int i = 0; i < 30; ++i) client->UpdateKey();
  ExpectEcho({&reactor}, *client, "again");
  for (int i = 0; i < 40; ++i) client->UpdateKey();
  EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kTlsError) == 1; }));
  EXPECT_EQ(Failures(reactor, TlsFailure::kOther), 1U);
}

// What it did not read would make its kernel answer RST, and the end of its bytes be lost.
TEST_P(ReactorTlsTurnsTest, AClientThatOnlySendsHasNothingToRead) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TestReactor reactor(Serving({.mode = FindServiceMode("discard")}));
    const auto client = Connect(reactor, version);
    const std::string bytes = Pattern(100'000);
    std::string_view left = bytes;
    ASSERT_TRUE(reactor.TurnUntil([&] {
      left.remove_prefix(client->SendSome(left));
      return left.empty();
    }));
    client->tcp().Close();
    EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kPeerClosed) == 1; }));
    EXPECT_EQ(reactor.counters().received_bytes, bytes.size());
  }
}

TEST_P(ReactorTlsTurnsTest, TheFirstReplyBringsATicketToResumeWith) {
  TestReactor reactor(Serving());
  const auto client = Connect(reactor);
  ExpectEcho({&reactor}, *client, "hello");
  EXPECT_TRUE(client->has_ticket());
}

}  // namespace
}  // namespace echogw
