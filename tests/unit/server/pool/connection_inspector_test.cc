// Goal: single connections can be listed, looked at, closed and watched while they live and move.
// Method: a real pool on loopback with real clients; filters also on records made by hand.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/pool/connection_control.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

using ::testing::HasSubstr;

Endpoint V4(const char* host, std::uint16_t port) {
  Endpoint e;
  e.family = AF_INET;
  e.port = port;
  EXPECT_EQ(::inet_pton(AF_INET, host, e.address.data()), 1);
  return e;
}

TEST(CidrTest, TakesPrefixesAndSingleAddresses) {
  EXPECT_TRUE(Cidr::Parse("10.0.0.0/8")->Contains(V4("10.255.1.2", 1)));
  EXPECT_FALSE(Cidr::Parse("10.0.0.0/8")->Contains(V4("11.0.0.1", 1)));
  EXPECT_TRUE(Cidr::Parse("192.168.1.7")->Contains(V4("192.168.1.7", 9)));
  EXPECT_FALSE(Cidr::Parse("192.168.1.7")->Contains(V4("192.168.1.6", 9)));
  EXPECT_TRUE(Cidr::Parse("0.0.0.0/0")->Contains(V4("1.2.3.4", 5)));
  EXPECT_FALSE(Cidr::Parse("::/0")->Contains(V4("1.2.3.4", 5)));
}

TEST(CidrTest, SaysWhatIsWrong) {
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "host", "10.1.0.0/8",
                          "::1/129", "1.2.3/8", "10.0.0.0/-1"}) {
    const auto cidr = Cidr::Parse(bad);
    ASSERT_FALSE(cidr.ok()) << bad;
    EXPECT_THAT(std::string(cidr.status().message()), HasSubstr(bad));
  }
  EXPECT_THAT(std::string(Cidr::Parse("10.1.0.0/8").status().message()),
              HasSubstr("below the prefix"));
}

TEST(ConnectionFilterTest, EveryConditionCounts) {
  const ConnectionRecord r{.ref = {.id = 1, .slot = 2, .index = 0},
                           .peer = V4("10.0.0.1", 999),
                           .local = V4("10.0.0.2", 7000),
                           .age = 10 * kNanosPerSecond,
                           .idle = 5 * kNanosPerSecond,
                           .received_bytes = 60,
                           .sent_bytes = 40};
  EXPECT_TRUE(ConnectionFilter{}.empty());
  EXPECT_TRUE(ConnectionFilter{}.Matches(r));
  EXPECT_TRUE(ConnectionFilter{.reactors = {2}}.Matches(r));
  EXPECT_FALSE((ConnectionFilter{.reactors = {1, 3}}.Matches(r)));
  EXPECT_TRUE(ConnectionFilter{.local_port = 7000}.Matches(r));
  EXPECT_FALSE(ConnectionFilter{.local_port = 999}.Matches(r));
  EXPECT_TRUE(ConnectionFilter{.age_min = std::chrono::seconds(10)}.Matches(r));
  EXPECT_FALSE(ConnectionFilter{.age_min = std::chrono::seconds(11)}.Matches(r));
  EXPECT_FALSE(ConnectionFilter{.idle_min = std::chrono::seconds(6)}.Matches(r));
  EXPECT_TRUE(ConnectionFilter{.bytes_min = 100}.Matches(r));
  EXPECT_FALSE(ConnectionFilter{.bytes_min = 101}.Matches(r));
  EXPECT_TRUE(ConnectionFilter{.state = ConnectionState::kOpen}.Matches(r));
  EXPECT_FALSE(ConnectionFilter{.state = ConnectionState::kBlocked}.Matches(r));
  EXPECT_FALSE(ConnectionFilter{.peer = *Cidr::Parse("10.0.0.2")}.Matches(r));
  EXPECT_FALSE((ConnectionFilter{.reactors = {2}}.empty()));
}

bool RoundTrip(StreamClient& client, std::size_t bytes) {
  client.Offer(bytes);
  return client.PumpUntilDone();
}

std::string NameOf(const StreamClient& client) { return LocalOf(client.fd()).ToString(); }

bool SeesEnd(StreamClient& client, StreamClient::End end) {
  return WaitUntil([&] {
    (void)client.Pump();
    return client.end() == end;
  });
}

std::vector<ConnectionInfo> ListAll(ConnectionControl& control, ConnectionQuery query) {
  std::vector<ConnectionInfo> all;
  for (;;) {
    const auto page = control.ListConnections(query);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return all;
    EXPECT_LE(page->connections.size(), query.page_size);
    all.insert(all.end(), page->connections.begin(), page->connections.end());
    if (!page->next) return all;
    query.from = *page->next;
  }
}

std::set<std::uint64_t> Ids(const std::vector<ConnectionInfo>& connections) {
  std::set<std::uint64_t> ids;
  for (const ConnectionInfo& c : connections) ids.insert(c.id);
  return ids;
}

TEST(ConnectionInspectorTest, ListsEveryConnectionOnceInPages) {
  TestPool pool(3);
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(pool.Connect());
  ConnectionControl& control = pool->connections();
  const auto paged = ListAll(control, {.page_size = 7});
  EXPECT_EQ(paged.size(), 100U);
  EXPECT_EQ(Ids(paged).size(), 100U);
  for (const ConnectionInfo& c : paged) EXPECT_LT(c.id, std::uint64_t{1} << 53U);
  const auto one = control.ListConnections({.page_size = 1000});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->total, 100U);
  EXPECT_FALSE(one->next.has_value());
  const auto full = control.ListConnections({.page_size = 100});
  ASSERT_TRUE(full.ok());
  EXPECT_FALSE(full->next.has_value()) << "a full last page has no next one";
}

TEST(ConnectionInspectorTest, KeepsTheIdOverAMoveAndAResize) {
  TestPool pool(4);
  auto clients = pool.ConnectTo(3, 5);
  ConnectionControl& control = pool->connections();
  const auto before = Ids(ListAll(control, {.filter = {.reactors = {3}}}));
  ASSERT_EQ(before.size(), 5U);
  pool.Move(3, 0);
  EXPECT_EQ(Ids(ListAll(control, {.filter = {.reactors = {0}}})), before);
  pool.Resize(1);
  pool.Resize(4);
  EXPECT_EQ(Ids(ListAll(control, {})), before);
  EXPECT_TRUE(AllEcho(clients));
}

TEST(ConnectionInspectorTest, SortsTheLargestFirst) {
  TestPool pool(2);
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(pool.Connect());
  ASSERT_TRUE(RoundTrip(*clients[17], 50000));
  ASSERT_TRUE(RoundTrip(*clients[3], 20000));
  const auto page =
      pool->connections().ListConnections({.page_size = 2, .sort = ConnectionSort::kBytes});
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->connections.size(), 2U);
  EXPECT_GE(page->connections[0].received_bytes, 50000U);
  EXPECT_GE(page->connections[1].received_bytes, 20000U);
  EXPECT_LT(page->connections[1].received_bytes, 50000U);
  EXPECT_EQ(page->total, 30U);
  EXPECT_FALSE(page->next.has_value());
}

TEST(ConnectionInspectorTest, ShowsOneWithWhatTheKernelKnows) {
  TestPool pool(2);
  auto client = pool.Connect();
  ASSERT_TRUE(RoundTrip(*client, 1000));
  const auto listed = ListAll(pool->connections(), {});
  ASSERT_EQ(listed.size(), 1U);
  const auto detail = pool->connections().GetConnection(listed[0].id);
  ASSERT_TRUE(detail.ok()) << detail.status();
  EXPECT_EQ(detail->info.id, listed[0].id);
  EXPECT_GE(detail->info.received_bytes, 1000U);
  EXPECT_THAT(detail->info.peer, HasSubstr("127.0.0.1:"));
  EXPECT_EQ(detail->info.local, pool->listen_addresses()[0]);
  EXPECT_EQ(detail->tcp.state, 1) << "ESTABLISHED";
  EXPECT_GT(detail->tcp.segment_bytes, 0U);
  EXPECT_GE(detail->tcp.bytes_received, 1000U);
  EXPECT_TRUE(absl::IsNotFound(pool->connections().GetConnection(12345).status()));
}

TEST(ConnectionInspectorTest, ClosesByIdPolitelyAndCountsIt) {
  TestPool pool(2);
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(pool.Connect());
  const auto listed = ListAll(pool->connections(), {});
  const auto dry =
      pool->connections().CloseConnections({.ids = {listed[0].id, listed[1].id}, .dry_run = true});
  ASSERT_TRUE(dry.ok());
  EXPECT_EQ(dry->closed, 2U);
  EXPECT_EQ(pool.Active(), 4U);
  const auto result =
      pool->connections().CloseConnections({.ids = {listed[0].id, listed[1].id, listed[1].id, 77}});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->closed, 2U);
  EXPECT_EQ(result->not_found, std::vector<std::uint64_t>{77});
  int ended = 0;
  for (auto& client : clients) {
    if (NameOf(*client) == listed[0].peer || NameOf(*client) == listed[1].peer) {
      EXPECT_TRUE(SeesEnd(*client, StreamClient::End::kFin));
      client.reset();
      ++ended;
    }
  }
  EXPECT_EQ(ended, 2);
  ASSERT_TRUE(pool.WaitForActive(2));
  const auto total = pool->Stats().total;
  EXPECT_EQ(total.connections_closed[static_cast<std::size_t>(CloseReason::kAdminClosed)], 2U);
}

TEST(ConnectionInspectorTest, ResetsByFilterAndSparesTheRest) {
  TestPool pool(2);
  auto doomed = pool.ConnectTo(1, 70);
  auto spared = pool.ConnectTo(0, 3);
  const auto result =
      pool->connections().CloseConnections({.filter = {.reactors = {1}}, .reset = true});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->closed, 70U);
  ASSERT_TRUE(pool.WaitForActive(3));
  EXPECT_TRUE(AllEcho(spared));
  for (auto& client : doomed) EXPECT_TRUE(SeesEnd(*client, StreamClient::End::kReset));
  const auto total = pool->Stats().total;
  EXPECT_EQ(total.connections_closed[static_cast<std::size_t>(CloseReason::kAdminReset)], 70U);
}

TEST(ConnectionInspectorTest, RefusesACloseOfEverythingBySlip) {
  TestPool pool(1);
  EXPECT_TRUE(absl::IsInvalidArgument(pool->connections().CloseConnections({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      pool->connections().CloseConnections({.ids = {1}, .filter = {.reactors = {0}}}).status()));
}

TEST(ConnectionInspectorTest, AWatchSeesOpeningsAndClosings) {
  TestPool pool(2);
  auto early = pool.Connect();
  auto watch = pool->connections().WatchConnections({});
  auto client = pool.Connect();
  ASSERT_TRUE(RoundTrip(*client, 100));
  const std::string name = NameOf(*client);
  client.reset();
  ASSERT_TRUE(pool.WaitForActive(1));
  std::vector<WatchedConnectionEvent> seen;
  ASSERT_TRUE(WaitUntil([&] {
    for (auto& event : watch->Take().events) seen.push_back(event);
    return seen.size() >= 2;
  }));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen[0].opened);
  EXPECT_EQ(seen[0].connection.peer, name);
  EXPECT_FALSE(seen[1].opened);
  EXPECT_EQ(seen[1].reason, CloseReason::kPeerClosed);
  EXPECT_EQ(seen[1].connection.id, seen[0].connection.id);
  EXPECT_GE(seen[1].connection.received_bytes, 100U);
}

// The number of events that are there, and of those lost.
std::pair<std::uint64_t, std::uint64_t> TakeAll(ConnectionWatch& watch) {
  std::uint64_t events = 0;
  std::uint64_t dropped = 0;
  for (bool more = true; more;) {
    const auto batch = watch.Take();
    EXPECT_LE(batch.events.size(), 500U);
    events += batch.events.size();
    dropped += batch.dropped;
    more = batch.more;
  }
  return {events, dropped};
}

TEST(ConnectionInspectorTest, AWatchThatDoesNotReadLosesAndKnows) {
  TestPool pool(1);
  auto watch = pool->connections().WatchConnections({});
  constexpr std::uint64_t kConnections = EventRing::kEventsMax / 2 + 500;
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    auto client = pool.Connect();
    ASSERT_NE(client, nullptr);
  }
  ASSERT_TRUE(pool.WaitForActive(0));
  const auto [events, dropped] = TakeAll(*watch);
  EXPECT_GT(dropped, 0U);
  EXPECT_EQ(events + dropped, 2 * kConnections);
}

TEST(ConnectionInspectorTest, WatchesShareABoundOnWhatIsUnread) {
  TestPool pool(1);
  std::vector<std::unique_ptr<ConnectionWatch>> watches;
  for (int i = 0; i < 64; ++i) watches.push_back(pool->connections().WatchConnections({}));
  constexpr std::uint64_t kConnections = 400;
  for (std::uint64_t i = 0; i < kConnections; ++i) ASSERT_NE(pool.Connect(), nullptr);
  ASSERT_TRUE(pool.WaitForActive(0));
  std::uint64_t kept = 0;
  for (const auto& watch : watches) {
    const auto [events, dropped] = TakeAll(*watch);
    EXPECT_EQ(events + dropped, 2 * kConnections);
    EXPECT_GE(events, 500U) << "each has its share";
    kept += events;
  }
  EXPECT_LE(kept, 40'000U);
}

TEST(ConnectionInspectorTest, AWatchSeesAReactorThatStartsLaterFromItsFirstConnection) {
  TestPool pool(1);
  const auto watch = pool->connections().WatchConnections({});
  pool.Resize(2);
  const auto clients = pool.ConnectTo(1, 3);
  const auto batch = watch->Take();
  EXPECT_EQ(std::ranges::count(batch.events, 1U,
                               [](const auto& event) { return event.connection.reactor; }),
            3);
}

}  // namespace
}  // namespace echogw::server
