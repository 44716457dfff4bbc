// Goal: records of connections are correct, found by reference, and cost at most one slice per
// turn.
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/manual_clock.h"
#include "tests/support/wait_until.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

using End = TestClient::End;

std::string Name(const TestClient& client) {
  return "127.0.0.1:" + std::to_string(client.local_port());
}

class ReactorRecordsTest : public ReactorTest {
 protected:
  // Posts a command that is answered by a slice, and turns until the answer is there.
  template <typename Command>
  ConnectionSlice Ask(TestReactor& reactor, Command command) {
    command.id = ++last_id_;
    command.reply = &box_;
    box_.Expect(command.id);
    reactor.Post(command);
    // Commands are read at the end of the turn in which it is seen.
    for (int i = 0; i < 3; ++i) reactor.Turn();
    auto slice = box_.WaitFor(last_id_, std::chrono::nanoseconds(0));
    EXPECT_TRUE(slice.has_value());
    return slice.value_or(ConnectionSlice{});
  }

  // The records of all connections, read slice by slice.
  std::vector<ConnectionRecord> ReadAll(TestReactor& reactor, std::uint32_t slots_max = 64) {
    std::vector<ConnectionRecord> all;
    std::optional<std::uint32_t> from = 0;
    while (from) {
      ConnectionSlice s =
          Ask(reactor, ReadConnections{.from_index = *from, .slots_max = slots_max});
      EXPECT_LE(s.records.size(), slots_max);
      all.insert(all.end(), s.records.begin(), s.records.end());
      from = s.next_index;
    }
    return all;
  }

  PendingReplies box_;
  std::uint64_t last_id_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, ReactorRecordsTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

TEST_P(ReactorRecordsTest, ARecordTellsWhatTheConnectionDid) {
  ManualClock clock;
  TestReactorOptions options = Options();
  options.clock = &clock;
  options.reactor.id = 4;
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  clock.Advance(2 * kNanosPerSecond);
  EXPECT_EQ(reactor.Echo(*client, "hello"), "hello");
  clock.Advance(500 * kNanosPerMilli);
  const auto all = ReadAll(reactor);
  ASSERT_EQ(all.size(), 1U);
  const ConnectionRecord& r = all[0];
  EXPECT_EQ(r.peer.ToString(), Name(*client));
  EXPECT_EQ(r.local.ToString(), "127.0.0.1:" + std::to_string(reactor.port()));
  EXPECT_EQ(r.ref.slot, 4U);
  EXPECT_EQ(r.age, 2500 * kNanosPerMilli);
  EXPECT_EQ(r.idle, 500 * kNanosPerMilli);
  EXPECT_EQ(r.received_bytes, 5U);
  EXPECT_EQ(r.sent_bytes, 5U);
  EXPECT_EQ(r.pending_bytes, 0U);
  EXPECT_FALSE(r.closing);
}

TEST_P(ReactorRecordsTest, SlicesShowEveryConnectionOnce) {
  TestReactor reactor(Options());
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(reactor.Connect());
  // Holes in the table.
  for (std::size_t i = 0; i < 100; i += 3) clients[i]->Close();
  const std::uint64_t left = 66;
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == left; }));
  for (const std::uint32_t slots_max : {1U, 7U, 64U, 100'000U}) {
    std::set<std::uint64_t> ids;
    std::set<std::string> peers;
    for (const ConnectionRecord& r : ReadAll(reactor, slots_max)) {
      EXPECT_TRUE(ids.insert(r.ref.id).second);
      EXPECT_LT(r.ref.id, std::uint64_t{1} << 53U);
      peers.insert(r.peer.ToString());
    }
    EXPECT_EQ(ids.size(), left);
    EXPECT_EQ(peers.size(), left);
  }
  EXPECT_TRUE(Ask(reactor, ReadConnections{.from_index = UINT32_MAX}).records.empty());
}

TEST_P(ReactorRecordsTest, IdStaysWhenTheConnectionMoves) {
  TestReactor a(Options());
  TestReactorOptions options = Options();
  options.reactor.id = 1;
  TestReactor b(options);
  const auto client = a.Connect();
  EXPECT_EQ(a.Echo(*client, "abc"), "abc");
  const ConnectionRecord before = ReadAll(a).at(0);
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(b.TurnUntil([&] {
    a.Turn();
    return b.counters().connections_active == 1;
  }));
  const auto there = b.Connect();
  EXPECT_TRUE(Ask(a, InspectConnection{.ref = before.ref}).records.empty());
  const auto all = ReadAll(b);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_NE(all[0].ref.id, all[1].ref.id);
  const auto moved = std::find_if(
      all.begin(), all.end(), [&](const ConnectionRecord& r) { return r.ref.id == before.ref.id; });
  ASSERT_NE(moved, all.end());
  EXPECT_EQ(moved->ref.slot, 1U);
  EXPECT_EQ(moved->received_bytes, 3U);
  EXPECT_EQ(moved->peer.ToString(), Name(*client));
}

// The clocks of two reactors are read at different moments: each once a turn.
TEST_P(ReactorRecordsTest, ConnectionFromAReactorThatIsAheadIsNotOldButNew) {
  ManualClock ahead(1000 * kNanosPerSecond + 50 * kNanosPerMilli);
  ManualClock behind(1000 * kNanosPerSecond);
  TestReactorOptions options = Options();
  options.clock = &ahead;
  TestReactor a(options);
  options.clock = &behind;
  options.reactor.id = 1;
  TestReactor b(options);
  const auto client = a.Connect();
  EXPECT_EQ(a.Echo(*client, "x"), "x");
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_EQ(a.TurnUntilReport(1)->connections_moved, 1U);
  const auto all = ReadAll(b);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].age, 0);
  EXPECT_EQ(all[0].idle, 0);
  client->Close();
  ASSERT_TRUE(b.TurnUntil([&] { return b.counters().connections_active == 0; }));
  EXPECT_EQ(b.counters().lifetime_ms.sum, 0U);
}

TEST_P(ReactorRecordsTest, InspectionAddsWhatTheKernelKnows) {
  TestReactor reactor(TightOptions());
  const auto client = reactor.Connect(TightClient());
  const std::string sent = Jam(reactor, *client);
  const ConnectionRecord r = ReadAll(reactor).at(0);
  EXPECT_GT(r.pending_bytes, 0U);
  const ConnectionSlice s = Ask(reactor, InspectConnection{.ref = r.ref});
  ASSERT_EQ(s.records.size(), 1U);
  EXPECT_EQ(s.records[0].pending_bytes, r.pending_bytes);
  EXPECT_GT(s.tcp.output_queue_bytes, 0U);
  EXPECT_GT(s.tcp.input_queue_bytes, 0U);
  EXPECT_EQ(s.tcp.bytes_received, r.received_bytes + s.tcp.input_queue_bytes);
  EXPECT_GT(s.tcp.segment_bytes, 900U);
  EXPECT_LE(s.tcp.segment_bytes, 1000U) << "what the client asked for, minus the timestamp option";
  for (const ConnectionRef& none : {ConnectionRef{.id = r.ref.id + 1, .index = r.ref.index},
                                    ConnectionRef{.id = r.ref.id, .index = r.ref.index + 1},
                                    ConnectionRef{.id = r.ref.id, .index = UINT32_MAX}}) {
    EXPECT_TRUE(Ask(reactor, InspectConnection{.ref = none}).records.empty());
  }
}

TEST_P(ReactorRecordsTest, ClosesSomePolitelyOrNot) {
  TestReactor reactor(Options());
  const auto polite = reactor.Connect();
  const auto harsh = reactor.Connect();
  const auto stays = reactor.Connect();
  auto ref_of = [&](const TestClient& client) {
    for (const ConnectionRecord& r : ReadAll(reactor)) {
      if (r.peer.ToString() == Name(client)) return r.ref;
    }
    ADD_FAILURE() << "no record of " << Name(client);
    return ConnectionRef{};
  };
  const ConnectionRef gone{.id = 999, .index = 0};
  EXPECT_EQ(Ask(reactor, CloseSome{.refs = {gone, ref_of(*polite)}}).records.size(), 1U);
  EXPECT_EQ(Ask(reactor, CloseSome{.refs = {ref_of(*harsh)}, .reset = true}).records.size(), 1U);
  EXPECT_EQ(ReadOut({&reactor}, *harsh), "");
  EXPECT_EQ(harsh->end(), End::kReset);
  EXPECT_EQ(ReadOut({&reactor}, *polite), "");
  EXPECT_EQ(polite->end(), End::kFin);
  EXPECT_TRUE(Ask(reactor, InspectConnection{.ref = ref_of(*polite)}).records.at(0).closing);
  polite->Close();
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 1; }));
  EXPECT_EQ(reactor.closed(CloseReason::kAdminClosed), 1U);
  EXPECT_EQ(reactor.closed(CloseReason::kAdminReset), 1U);
  EXPECT_EQ(reactor.Echo(*stays, "x"), "x");
}

TEST_P(ReactorRecordsTest, CallingOffADrainDoesNotCallOffAnOperatorsClose) {
  TestReactor reactor(TightOptions());
  const auto client = reactor.Connect(TightClient());
  const std::string sent = Jam(reactor, *client);
  const ConnectionRef ref = ReadAll(reactor).at(0).ref;
  EXPECT_EQ(Ask(reactor, CloseSome{.refs = {ref}}).records.size(), 1U);
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = kNever});
  reactor.Turn();
  reactor.Post(CancelClose{.id = 2});
  ASSERT_TRUE(reactor.TurnUntilReport(2).has_value());
  EXPECT_TRUE(ReadOut({&reactor}, *client) == sent);
  EXPECT_EQ(client->end(), End::kFin);
}

TEST_P(ReactorRecordsTest, AWatchSeesEveryOpeningAndClosing) {
  TestReactor reactor(Options());
  std::vector<ConnectionEvent> events;
  auto unseen = reactor.Connect();
  EXPECT_EQ(reactor.events().Take(events), 0U);
  EXPECT_TRUE(events.empty()) << "nobody watches";

  reactor.events().SetWatched(true);
  const auto client = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*client, "abc"), "abc");
  client->HalfClose();
  EXPECT_EQ(ReadOut({&reactor}, *client), "");
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 1; }));
  EXPECT_EQ(reactor.events().Take(events), 0U);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0].opened);
  EXPECT_EQ(events[0].record.peer.ToString(), Name(*client));
  EXPECT_FALSE(events[1].opened);
  EXPECT_EQ(events[1].reason, CloseReason::kPeerClosed);
  EXPECT_EQ(events[1].record.ref.id, events[0].record.ref.id);
  EXPECT_EQ(events[1].record.received_bytes, 3U);

  reactor.events().SetWatched(false);
  unseen->Close();
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 0; }));
  events.clear();
  EXPECT_EQ(reactor.events().Take(events), 0U);
  EXPECT_TRUE(events.empty());
}

TEST(EventRingTest, DropsAndCountsWhatFindsNoRoom) {
  EventRing ring;
  ring.SetWatched(true);
  for (std::size_t i = 0; i < EventRing::kEventsMax + 5; ++i) ring.Push({});
  std::vector<ConnectionEvent> events;
  EXPECT_EQ(ring.Take(events), 5U);
  EXPECT_EQ(events.size(), EventRing::kEventsMax);
  EXPECT_EQ(ring.Take(events), 0U);
  ring.Push({});
  EXPECT_EQ(ring.Take(events), 0U);
  EXPECT_EQ(events.size(), EventRing::kEventsMax + 1);
}

TEST(EventRingTest, KeepsNothingForTheNextWatch) {
  EventRing ring;
  ring.SetWatched(true);
  ring.Push({});
  ring.SetWatched(false);
  // A reactor pushes just after the watch has ended.
  ring.Push({});
  ring.SetWatched(true);
  std::vector<ConnectionEvent> events;
  EXPECT_EQ(ring.Take(events), 0U);
  EXPECT_TRUE(events.empty());
}

TEST(PendingRepliesTest, BringsTheSliceToWhoWaitsForIt) {
  PendingReplies box;
  box.Expect(1);
  box.Expect(2);
  std::thread reactor([&] {
    box.Push({.id = 2, .next_index = 22});
    box.Push({.id = 1, .next_index = 11});
  });
  EXPECT_EQ(box.WaitFor(1, kTestDeadline)->next_index, 11U);
  EXPECT_EQ(box.WaitFor(2, kTestDeadline)->next_index, 22U);
  reactor.join();
}

TEST(PendingRepliesTest, WhatNobodyWaitsForIsDropped) {
  PendingReplies box;
  box.Push({.id = 7});
  box.Expect(7);
  EXPECT_FALSE(box.WaitFor(7, std::chrono::nanoseconds(1)).has_value());
  box.Push({.id = 7});
  box.Expect(7);
  EXPECT_FALSE(box.WaitFor(7, std::chrono::nanoseconds(1)).has_value());
}

TEST(EndpointTest, AsText) {
  Endpoint e;
  EXPECT_EQ(e.ToString(), "?");
  e = {.family = AF_INET, .port = 5, .address = {1, 2, 3, 4}};
  EXPECT_EQ(e.ToString(), "1.2.3.4:5");
  e = {.family = AF_INET6, .port = 6, .address = {}};
  EXPECT_EQ(e.ToString(), "[::]:6");
  EXPECT_EQ(PeerOf(-1).ToString(), "?");
}

TEST(EndpointTest, Ipv4ClientOfADualStackListenerIsShownAsIpv4) {
  const ListenAddress address{.host = "::", .dual_stack = true};
  auto listener = BindListener(address, {});
  ASSERT_TRUE(listener.ok());
  ASSERT_TRUE(Listen(listener->get(), {}, address).ok());
  const std::uint16_t port = LocalAddress(listener->get(), true)->port;
  KernelSocketIo io;
  for (const auto& [host, prefix] : {std::pair<std::string, std::string>{"127.0.0.1", "127.0.0.1:"},
                                     std::pair<std::string, std::string>{"::1", "[::1]:"}}) {
    const TestClient client(port, {.host = host});
    int fd = -1;
    ASSERT_TRUE(WaitUntil([&] { return (fd = io.Accept(listener->get())) >= 0; }));
    const UniqueFd accepted(fd);
    EXPECT_TRUE(PeerOf(fd).ToString().starts_with(prefix)) << PeerOf(fd).ToString();
    EXPECT_EQ(LocalOf(fd).ToString(), prefix + std::to_string(port));
  }
}

}  // namespace
}  // namespace echogw
