// Goal: a reactor echoes every byte to every client, whatever the others do.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/hooked_socket_io.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

using End = TestClient::End;

class ReactorEchoTest : public ReactorTest {};
INSTANTIATE_TEST_SUITE_P(, ReactorEchoTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

TEST_P(ReactorEchoTest, EchoesOneByteAndMegabytes) {
  TestReactor reactor(Options());
  const auto client = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*client, "x"), "x");
  for (const std::size_t size : {2U, 1000U, 65535U, 65536U, 65537U, 4U << 20U}) {
    const std::string bytes = Pattern(size, static_cast<std::uint32_t>(size));
    EXPECT_EQ(reactor.Echo(*client, bytes) == bytes, true) << size;
  }
  const CounterSnapshot s = reactor.counters();
  EXPECT_EQ(s.received_bytes, s.sent_bytes);
  EXPECT_EQ(s.connections_active, 1U);
}

// Those who had no turn when the work of one was done come first in the next.
TEST_P(ReactorEchoTest, ManyReadyConnectionsShareTheTurnsOfTheLoop) {
  TestReactorOptions options = Options();
  options.reactor.loop_reads = 2;
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 9; ++i) clients.push_back(reactor.Connect());
  for (int round = 1; round <= 3; ++round) {
    for (const auto& client : clients) client->Send("x");
    for (int turns = 0; turns < 5; ++turns) {
      const std::uint64_t before = reactor.counters().reads;
      reactor.Turn();
      EXPECT_LE(reactor.counters().reads - before, 5U) << "four events, and one of the queue";
      // Whoever is served keeps on sending, and overtakes nobody.
      for (const auto& client : clients) {
        client->Pump();
        if (client->received().size() > static_cast<std::size_t>(round)) client->Send("y");
      }
    }
    ASSERT_TRUE(reactor.TurnUntil([&] {
      return std::all_of(clients.begin(), clients.end(), [round](const auto& client) {
        client->Pump();
        return client->received().size() >= static_cast<std::size_t>(round);
      });
    }));
  }
}

TEST_P(ReactorEchoTest, ByteByByte) {
  TestReactor reactor(Options());
  const auto client = reactor.Connect();
  for (int i = 0; i < 256; ++i) {
    const std::string byte(1, static_cast<char>(i));
    ASSERT_EQ(reactor.Echo(*client, byte), byte);
  }
}

TEST_P(ReactorEchoTest, ClientThatSendsNothingGetsNothing) {
  TestReactor reactor(Options());
  const auto client = reactor.Connect();
  client->HalfClose();
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
  EXPECT_EQ(client->end(), End::kFin);
  EXPECT_EQ(reactor.closed(CloseReason::kPeerClosed), 1U);
}

TEST_P(ReactorEchoTest, BytesAndFinThatCameBeforeTheAccept) {
  TestReactor reactor(Options());
  TestClient client(reactor.port());
  client.Send("early");
  client.HalfClose();
  EXPECT_EQ(ReadOut({&reactor}, client), "early");
  EXPECT_EQ(client.end(), End::kFin);
}

TEST_P(ReactorEchoTest, HalfClosedSlowReaderGetsEverything) {
  TestReactor reactor(TightOptions());
  const auto client = reactor.Connect(TightClient());
  const std::string bytes = Pattern(std::size_t{1} << 20U);
  std::size_t sent = 0;
  ASSERT_TRUE(reactor.TurnUntil([&] {
    sent += client->SendSome(std::string_view(bytes).substr(sent));
    client->Pump(700);
    return sent == bytes.size();
  }));
  client->HalfClose();
  ASSERT_LT(client->received().size(), bytes.size()) << "nothing was in flight";
  EXPECT_TRUE(ReadOut({&reactor}, *client) == bytes);
  EXPECT_EQ(client->end(), End::kFin);
  EXPECT_EQ(reactor.closed(CloseReason::kPeerClosed), 1U);
  EXPECT_GT(reactor.counters().partial_writes, 0U);
}

TEST_P(ReactorEchoTest, UrgentBytesAreEchoedInTheirPlace) {
  TestReactor reactor(Options());
  const auto client = reactor.Connect();
  // A read stops at an urgent byte.
  client->Send("ab");
  client->SendUrgent('!');
  client->Send("cd");
  ASSERT_TRUE(reactor.TurnUntil([&] {
    client->Pump();
    return client->received().size() >= 5;
  })) << "received: "
      << client->received();
  EXPECT_EQ(client->Receive(5), "ab!cd");
  client->SendUrgent('?');
  ASSERT_TRUE(reactor.TurnUntil([&] {
    client->Pump();
    return !client->received().empty();
  }));
  EXPECT_EQ(client->Receive(1), "?");
  EXPECT_EQ(reactor.Echo(*client, "ef"), "ef");
}

TEST_P(ReactorEchoTest, UpperCasesWhenAsked) {
  TestReactorOptions options = TightOptions();
  options.reactor.transform = Transform::kUpper;
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*client, "Hello, W0rld z{a`\n"), "HELLO, W0RLD Z{A`\n");
}

TEST_P(ReactorEchoTest, ResetEndsOneConnectionOnly) {
  TestReactor reactor(TightOptions());
  const auto other = reactor.Connect();
  for (const bool jammed : {false, true}) {
    const auto client = reactor.Connect(TightClient());
    if (jammed) {
      Jam(reactor, *client);
    } else {
      EXPECT_EQ(reactor.Echo(*client, "some"), "some");
    }
    client->Reset();
    EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 1; }));
    EXPECT_EQ(reactor.counters().pending_bytes, 0U);
    EXPECT_EQ(reactor.Echo(*other, "still here"), "still here");
  }
  EXPECT_EQ(reactor.closed(CloseReason::kPeerReset), 2U);
}

TEST_P(ReactorEchoTest, ClientThatNeverReadsCostsItsBuffersAndNothingElse) {
  TestReactor reactor(TightOptions());
  const auto other = reactor.Connect();
  const auto deaf = reactor.Connect(TightClient());
  const std::string sent = Jam(reactor, *deaf);
  const CounterSnapshot jammed = reactor.counters();
  EXPECT_LE(jammed.pending_bytes, TightOptions().reactor.buffer_bytes * HeldBuffersMax());

  // Time passes: nothing more is read, nothing grows, and the loop does not spin.
  for (int i = 0; i < 50; ++i) {
    static_cast<void>(deaf->SendSome("more"));
    reactor.Turn();
  }
  const CounterSnapshot later = reactor.counters();
  EXPECT_EQ(later.received_bytes, jammed.received_bytes);
  EXPECT_EQ(later.pending_bytes, jammed.pending_bytes);
  EXPECT_LE(later.ready_events - jammed.ready_events, 3U) << "the loop spins";
  EXPECT_EQ(reactor.Echo(*other, "undisturbed"), "undisturbed");

  // When it reads, nothing is lost.
  deaf->HalfClose();
  EXPECT_TRUE(ReadOut({&reactor}, *deaf).starts_with(sent));
  EXPECT_EQ(deaf->end(), End::kFin);
}

TEST_P(ReactorEchoTest, FirehoseDoesNotStarveAPingPong) {
  TestReactorOptions options = Options();
  options.reactor.buffer_bytes = 4096;
  options.reactor.turn_bytes = 16384;
  TestReactor reactor(options);
  const auto firehose = reactor.Connect();
  const auto pingpong = reactor.Connect();
  const std::string flood = Pattern(std::size_t{4} << 20U);

  constexpr int kRounds = 50;
  std::uint64_t turns = 0;
  std::uint64_t flooded = 0;
  for (int round = 0; round < kRounds; ++round) {
    pingpong->Send("p");
    const bool answered = reactor.TurnUntil([&] {
      flooded += firehose->SendSome(flood);
      firehose->Pump();
      static_cast<void>(firehose->Receive(0));
      ++turns;
      pingpong->Pump();
      return !pingpong->received().empty();
    });
    ASSERT_TRUE(answered);
    EXPECT_EQ(pingpong->Receive(1), "p");
  }
  EXPECT_GT(flooded, std::uint64_t{kRounds} * options.reactor.turn_bytes);
  EXPECT_LT(turns, std::uint64_t{kRounds} * 10) << "a round trip takes a few turns of the loop";
}

TEST_P(ReactorEchoTest, OneTurnOfTheLoopMovesABoundedAmount) {
  TestReactorOptions options = Options();
  options.reactor.buffer_bytes = 4096;
  options.reactor.turn_bytes = 16384;
  TestReactor reactor(options);
  const auto firehose = reactor.Connect();
  const std::string flood = Pattern(std::size_t{2} << 20U);
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    sent += firehose->SendSome(std::string_view(flood).substr(sent));
    const std::uint64_t before = reactor.counters().received_bytes;
    reactor.Turn();
    // One turn as a ready connection, one from the queue; the last read may exceed the budget.
    EXPECT_LE(reactor.counters().received_bytes - before,
              2 * (options.reactor.turn_bytes + options.reactor.buffer_bytes));
    firehose->Pump();
  }
}

// An event closes a connection that is in the queue, and a new client takes its slot and descriptor
// in the same turn: the queue must not find it.
TEST_P(ReactorEchoTest, QueueEntryOfAClosedConnectionIsStale) {
  if (ReadsAhead()) GTEST_SKIP() << "its reads are not calls that a test can hook";
  HookedSocketIo io;
  int victim = -1;
  bool fail_victim = false;
  bool watch_reads = false;
  std::size_t reads_after_close = 0;
  io.on_read = [&](int fd, std::span<std::byte>) -> std::optional<IoResult> {
    if (fail_victim && fd == victim) {
      fail_victim = false;
      watch_reads = true;
      return IoResult{IoStatus::kError, 0, EIO};
    }
    reads_after_close += watch_reads ? 1U : 0U;
    return std::nullopt;
  };
  io.on_accept = [&](AcceptResult fd) {
    if (victim < 0) victim = fd;
    return fd;
  };
  TestReactorOptions options = Options();
  options.io = &io;
  options.reactor.buffer_bytes = 1024;
  options.reactor.turn_bytes = 1024;
  TestReactor reactor(options);
  const auto first = reactor.Connect();
  first->Send(Pattern(64 * 1024));
  const std::uint64_t before = reactor.counters().received_bytes;
  ASSERT_TRUE(
      reactor.TurnUntil([&] { return reactor.counters().received_bytes >= before + 2048; }));

  // In this order, so that epoll reports the old connection before the listener.
  first->Send("wakes it up");
  const TestClient second(reactor.port());
  fail_victim = true;
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_accepted == 2; }));
  EXPECT_EQ(reactor.closed(CloseReason::kIoError), 1U);
  for (int i = 0; i < 5; ++i) reactor.Turn();
  EXPECT_EQ(reads_after_close, 0U) << "the silent new client was read from";
  EXPECT_EQ(reactor.counters().connections_active, 1U);
}

TEST_P(ReactorEchoTest, HundredsOfConnectionsAtOnce) {
  TestReactorOptions options = Options();
  options.reactor.events_max = 16;  // many batches
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(std::make_unique<TestClient>(reactor.port()));
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 300; }));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i]->Send(Pattern(100 + i, static_cast<std::uint32_t>(i)));
  }
  ASSERT_TRUE(reactor.TurnUntil([&] {
    bool all = true;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i]->Pump();
      all = all && clients[i]->received().size() == 100 + i;
    }
    return all;
  }));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(clients[i]->Receive(0), Pattern(100 + i, static_cast<std::uint32_t>(i)));
  }
}

TEST_P(ReactorEchoTest, StopResetsWhatIsOpen) {
  TestReactor reactor(TightOptions());
  const auto idle = reactor.Connect();
  const auto jammed = reactor.Connect(TightClient());
  Jam(reactor, *jammed);
  reactor.Finish();
  EXPECT_EQ(reactor.closed(CloseReason::kDrainForced), 2U);
  EXPECT_EQ(idle->ReceiveToEnd(), "");
  EXPECT_EQ(idle->end(), End::kReset);
}

TEST_P(ReactorEchoTest, PollsBeforeItBlocksIfToldTo) {
  TestReactorOptions options = Options();
  options.reactor.spin = std::chrono::microseconds(200);
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*client, "a"), "a");
  const CounterSnapshot before = reactor.counters();
  reactor.Turn(2 * kNanosPerMilli);  // in which nothing comes
  const CounterSnapshot after = reactor.counters();
  const std::uint64_t spun = after.loop_spin_ns - before.loop_spin_ns;
  EXPECT_GE(spun, 200'000U);
  EXPECT_GE(after.loop_wait_ns - before.loop_wait_ns, spun) << "polling is part of the wait";
  EXPECT_EQ(reactor.Echo(*client, "b"), "b");
  client->HalfClose();
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
}

TEST_P(ReactorEchoTest, DoesNotPollUnlessToldTo) {
  TestReactor reactor(Options());
  reactor.Turn(kNanosPerMilli);
  EXPECT_EQ(reactor.counters().loop_spin_ns, 0U);
}

TEST_P(ReactorEchoTest, StallIsCountedAndLoggedWithTheReactorsNumber) {
  if (ReadsAhead()) GTEST_SKIP() << "its reads are not calls that a test can hook";
  ManualClock clock;
  HookedSocketIo io;
  Nanos read_takes = 0;
  io.on_read = [&](int, std::span<std::byte>) -> std::optional<IoResult> {
    clock.Advance(std::exchange(read_takes, 0));
    return std::nullopt;
  };
  TestReactorOptions options = Options();
  options.reactor.id = 3;
  options.clock = &clock;
  options.io = &io;
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  read_takes = 100 * kNanosPerMilli;  // at the threshold, not over it
  EXPECT_EQ(reactor.Echo(*client, "a"), "a");
  EXPECT_EQ(reactor.counters().loop_stalls, 0U);
  read_takes = 250 * kNanosPerMilli;
  EXPECT_EQ(reactor.Echo(*client, "b"), "b");
  EXPECT_EQ(reactor.counters().loop_stalls, 1U);
  EXPECT_EQ(reactor.counters().loop_longest_ns, 250'000'000U);
  EXPECT_EQ(reactor.counters().loop_busy_ns, 350'000'000U);
  EXPECT_EQ(reactor.log().Count("reactor 3 stalled"), 1U);
  EXPECT_EQ(reactor.log().Count("250 ms"), 1U);
}

TEST_P(ReactorEchoTest, LogsConnectionsOnlyWhenAskedTo) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo}) {
    RecordingLog log(level);
    TestReactorOptions options = Options();
    options.log = &log;
    options.reactor.id = 5;
    TestReactor reactor(options);
    const auto client = reactor.Connect();
    EXPECT_EQ(reactor.Echo(*client, "abc"), "abc");
    const std::string peer = "127.0.0.1:" + std::to_string(client->local_port());
    client->Close();
    EXPECT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 0; }));
    if (level == LogLevel::kDebug) {
      EXPECT_EQ(log.Count("reactor 5 accepts " + peer), 1U);
      EXPECT_EQ(log.Count("peer_closed, received 3 bytes, sent 3"), 1U);
    } else {
      EXPECT_TRUE(log.lines().empty());
    }
  }
}

}  // namespace
}  // namespace echogw
