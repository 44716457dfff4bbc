// Goal: listeners move between reactors without losing a client.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/faulty_socket_io.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

class ReactorListenersTest : public ReactorTest {
 protected:
  [[nodiscard]] static TestReactorOptions DeafOptions(std::uint32_t id) {
    TestReactorOptions options = Options();
    options.reactor.id = id;
    options.deaf = true;
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(, ReactorListenersTest, ::testing::ValuesIn(AllPollers()),
                         PollerParamName);

TEST_P(ReactorListenersTest, IdsGoOnWhereAnEarlierProcessEnded) {
  const TestListener listener;
  TestReactor a(DeafOptions(3));
  const auto ids = [&] {
    PendingReplies box;
    box.Expect(9);
    a.Post(ReadConnections{.id = 9, .reply = &box});
    a.Turn();
    std::vector<std::uint64_t> out;
    const auto slice = box.WaitFor(9, std::chrono::seconds(0));
    for (const ConnectionRecord& c : slice->records) {
      out.push_back(c.ref.id - (std::uint64_t{3} << 45U));
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  a.Post(AdoptListeners{.id = 1, .listeners = {listener.On(0)}, .ids_given = 1000});
  EXPECT_EQ(a.TurnUntilReport(1)->listeners_left, 1U);
  const TestClient first(listener.port);
  ASSERT_TRUE(a.TurnUntil([&] { return a.counters().connections_active == 1; }));
  // Listeners that come from another reactor do not lower it.
  a.Post(AdoptListeners{.id = 2, .listeners = {}});
  const TestClient second(listener.port);
  ASSERT_TRUE(a.TurnUntil([&] { return a.counters().connections_active == 2; }));
  EXPECT_EQ(ids(), (std::vector<std::uint64_t>{1001, 1002}));
}

TEST_P(ReactorListenersTest, WaitingClientsAreServedByTheNewOwner) {
  const TestListener listener;
  TestReactor a(DeafOptions(0));
  TestReactor b(DeafOptions(1));
  a.Post(AdoptListeners{.id = 1, .listeners = {listener.On(0)}});
  EXPECT_EQ(a.TurnUntilReport(1)->listeners_left, 1U);
  TestClient old(listener.port);
  ASSERT_TRUE(a.TurnUntil([&] { return a.counters().connections_active == 1; }));

  std::vector<std::unique_ptr<TestClient>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(std::make_unique<TestClient>(listener.port));
  a.Post(HandOverListeners{.id = 2, .targets = {&b.mailbox()}});
  // Commands run after the events of a turn, so a accepts some itself.
  EXPECT_EQ(a.TurnUntilReport(2)->listeners_left, 0U);
  for (int i = 0; i < 10; ++i) waiting.push_back(std::make_unique<TestClient>(listener.port));
  ASSERT_TRUE(TurnAllUntil({&a, &b}, [&] {
    return a.counters().connections_accepted + b.counters().connections_accepted == 21;
  }));
  EXPECT_GE(b.counters().connections_accepted, 10U);
  EXPECT_EQ(b.counters().accepted_from_adopted, b.counters().connections_accepted);
  EXPECT_EQ(a.counters().accepted_from_adopted, 0U);
  EXPECT_EQ(b.Echo(*waiting.back(), "x"), "x");
  EXPECT_EQ(a.Echo(old, "stays"), "stays");
}

TEST_P(ReactorListenersTest, OnlyTheSlotThatIsAskedForGoes) {
  const TestListener first;
  const TestListener second;
  TestReactor a(DeafOptions(0));
  TestReactor b(DeafOptions(1));
  a.Post(AdoptListeners{.id = 1, .listeners = {first.On(0), second.On(4)}});
  a.Post(HandOverListeners{.id = 2, .slot = 4, .targets = {&b.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(2)->listeners_left, 1U);
  TestClient to_first(first.port);
  TestClient to_second(second.port);
  ASSERT_TRUE(TurnAllUntil({&a, &b}, [&] {
    return a.counters().connections_accepted == 1 && b.counters().connections_accepted == 1;
  }));
  EXPECT_EQ(a.Echo(to_first, "1"), "1");
  EXPECT_EQ(b.Echo(to_second, "2"), "2");
}

TEST_P(ReactorListenersTest, ListenersAreSpreadOverTheTargetsBySlot) {
  const std::vector<TestListener> listeners(6);
  TestReactor a(DeafOptions(0));
  TestReactor b(DeafOptions(1));
  TestReactor c(DeafOptions(2));
  std::vector<Listener> all;
  for (std::uint32_t i = 0; i < 6; ++i) all.push_back(listeners[i].On(i));
  a.Post(AdoptListeners{.id = 1, .listeners = all});
  a.Post(HandOverListeners{.id = 2, .targets = {&b.mailbox(), &c.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(2)->listeners_left, 0U);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (const TestListener& l : listeners) clients.push_back(std::make_unique<TestClient>(l.port));
  ASSERT_TRUE(TurnAllUntil({&a, &b, &c}, [&] {
    return b.counters().connections_accepted == 3 && c.counters().connections_accepted == 3;
  }));
}

TEST_P(ReactorListenersTest, ListenerComesBackAndItsPlaceIsUsedAgain) {
  const TestListener listener;
  TestReactor a(DeafOptions(0));
  TestReactor b(DeafOptions(1));
  a.Post(AdoptListeners{.id = 1, .listeners = {listener.On(0)}});
  std::uint64_t id = 2;
  for (int round = 0; round < 5; ++round) {
    for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      from->Post(HandOverListeners{.id = id, .targets = {&to->mailbox()}});
      EXPECT_EQ(from->TurnUntilReport(id++)->listeners_left, 0U);
      TestClient client(listener.port);
      EXPECT_EQ(to->Echo(client, "x"), "x");
    }
  }
  EXPECT_EQ(a.counters().connections_accepted, 5U);
  EXPECT_EQ(b.counters().connections_accepted, 5U);
}

TEST_P(ReactorListenersTest, ClosedTargetLeavesTheListenerWhereItIs) {
  const TestListener listener;
  TestReactor a(DeafOptions(0));
  auto closed = Mailbox::Create();
  ASSERT_TRUE(closed.ok());
  a.Post(AdoptListeners{.id = 1, .listeners = {listener.On(0)}});
  a.Post(HandOverListeners{.id = 2, .targets = {closed->get()}});
  EXPECT_EQ(a.TurnUntilReport(2)->listeners_left, 1U);
  TestClient client(listener.port);
  EXPECT_EQ(a.Echo(client, "x"), "x");
}

TEST_P(ReactorListenersTest, HandedOverWhileAcceptingIsPaused) {
  const TestListener listener;
  FaultySocketIo io;
  ManualClock clock;
  TestReactorOptions options = DeafOptions(0);
  options.io = &io;
  options.clock = &clock;
  TestReactor a(options);
  TestReactor b(DeafOptions(1));
  a.Post(AdoptListeners{.id = 1, .listeners = {listener.On(0)}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  io.FailAccept(EMFILE);
  TestClient client(listener.port);
  ASSERT_TRUE(a.TurnUntil([&] { return a.counters().accept_errors[0] == 1; }));
  a.Post(HandOverListeners{.id = 2, .targets = {&b.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(2).has_value());
  EXPECT_EQ(b.Echo(client, "x"), "x");

  // Returned while a is still paused: watched when the pause ends.
  b.Post(HandOverListeners{.id = 3, .targets = {&a.mailbox()}});
  ASSERT_TRUE(b.TurnUntilReport(3).has_value());
  for (int i = 0; i < 5; ++i) a.Turn();
  EXPECT_EQ(a.counters().accept_errors[0], 1U);
  io.FailAccept(0);
  clock.Advance(kNanosPerSecond);
  TestClient next(listener.port);
  EXPECT_EQ(a.Echo(next, "y"), "y");
}

}  // namespace
}  // namespace echogw
