// Goal: the io_uring engine prefetches connections and yet loses no client, whatever comes in
// between: a listener that is handed over, a limit, a shortage of descriptors, the end. Method:
// reactors on loopback, stepped, over sockets that tell when the reactor accepts by itself.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reactor/net/socket.h"
#include "reactor/uring/uring_engine.h"
#include "tests/support/hooked_socket_io.h"
#include "tests/support/pool_rlimit.h"
#include "tests/support/wait_until.h"
#include "tests/unit/reactor/limits_test_base.h"

namespace echogw {
namespace {

using Clients = std::vector<std::unique_ptr<TestClient>>;

class UringAcceptTest : public DescriptorTest {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    if (const absl::Status status = UringEngine::Available(); !status.ok()) {
      GTEST_SKIP() << status.message();
    }
    SetPrefetchBelow(INT_MAX);
  }

  // Connections are prefetched until one of them gets such a descriptor or a higher one.
  void SetPrefetchBelow(int fd) {
    constexpr int kBurst = 1;
    budget_ = std::make_unique<FdBudget>(fd == INT_MAX ? fd : fd + kBurst, kBurst);
    io_ = std::make_unique<HookedSocketIo>(budget_.get());
    io_->on_accept = [this](AcceptResult result) {
      if (result >= 0) ++accepted_by_call_;
      return result;
    };
  }

  [[nodiscard]] TestReactorOptions Options(std::uint32_t id = 0) {
    TestReactorOptions options;
    options.reactor.poller = PollerKind::kIoUring;
    options.reactor.id = id;
    options.io = io_.get();
    options.budget = budget_.get();
    options.deaf = id != 0;
    return options;
  }

  // They connect; nobody has accepted them yet.
  static void Connect(Clients& clients, std::uint16_t port, int n) {
    for (int i = 0; i < n; ++i) clients.push_back(std::make_unique<TestClient>(port));
  }

  // They connect, and all of them wait in the kernel's queue: the last packet of a handshake may be
  // under way when the client is told.
  static void ConnectAndQueue(Clients& clients, const TestListener& listener, int n) {
    Connect(clients, listener.port, n);
    ASSERT_TRUE(WaitUntil([&] { return Queued(listener) == static_cast<std::uint32_t>(n); }));
  }

  // How many clients wait in the kernel's queue.
  [[nodiscard]] static std::uint32_t Queued(const TestListener& listener) {
    const ListenerQueue queue = ReadListenerQueue(listener.fd.get());
    EXPECT_GT(queue.limit, 0U) << "the kernel did not tell";
    return queue.depth;
  }

  // The lowest descriptor that is free.
  [[nodiscard]] static int LowestFree() {
    const int fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    ::close(fd);
    return fd;
  }

  static void ExpectEcho(const std::vector<TestReactor*>& reactors, TestClient& client,
                         const std::string& text) {
    client.Send(text);
    ASSERT_TRUE(TurnAllUntil(reactors, [&] {
      client.Pump();
      return client.received().size() >= text.size() || client.end() != TestClient::End::kOpen;
    }));
    EXPECT_EQ(client.Receive(text.size()), text);
  }

  std::unique_ptr<FdBudget> budget_;
  std::unique_ptr<HookedSocketIo> io_;
  int accepted_by_call_ = 0;
};

TEST_F(UringAcceptTest, NoCallForEach) {
  TestReactor reactor(Options());
  Clients clients;
  Connect(clients, reactor.port(), 20);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 20; }));
  Connect(clients, reactor.port(), 20);
  for (const auto& client : clients) EXPECT_EQ(reactor.Echo(*client, "x"), "x");
  EXPECT_EQ(accepted_by_call_, 0);
  EXPECT_EQ(reactor.counters().connections_accepted, 40U);
}

// More than there is room for completions.
TEST_F(UringAcceptTest, ABurstIsServedToTheLast) {
  constexpr int kBurst = 1500;
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_cur < 2 * kBurst + 100) GTEST_SKIP() << "needs 3100 open files: ulimit -n";
  TestReactor reactor(Options());
  Clients clients;
  Connect(clients, reactor.port(), kBurst);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == kBurst; }));
  EXPECT_EQ(Queued(reactor.listener()), 0U);
  for (std::size_t i = 0; i < clients.size(); i += 100) {
    EXPECT_EQ(reactor.Echo(*clients[i], "x"), "x");
  }
}

TEST_F(UringAcceptTest, WhoeverWasAcceptedStaysWhenTheListenerGoes) {
  constexpr std::uint64_t kFirst = 40;
  TestReactor a(Options());
  TestReactor b(Options(1));
  Clients clients;
  ConnectAndQueue(clients, a.listener(), kFirst);
  ASSERT_TRUE(a.TurnUntil([&] { return a.counters().connections_accepted > 0; }));
  ASSERT_LT(a.counters().connections_accepted, kFirst / 2);
  ASSERT_EQ(Queued(a.listener()), 0U) << "nothing was prefetched";
  a.Post(HandOverListeners{.id = 1, .targets = {&b.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(1)->listeners_left, 0U);
  EXPECT_EQ(a.counters().connections_accepted, kFirst);
  EXPECT_EQ(a.counters().connections_active, kFirst);

  Connect(clients, a.port(), 10);
  for (const auto& client : clients) ExpectEcho({&a, &b}, *client, "one");
  EXPECT_EQ(a.counters().connections_accepted, kFirst);
  EXPECT_EQ(b.counters().connections_accepted, 10U);
  // As in a shrink: the connections follow.
  a.Post(MoveConnections{.id = 2, .targets = {&b.mailbox()}});
  EXPECT_EQ(a.TurnUntilReport(2)->connections_moved, kFirst);
  for (const auto& client : clients) ExpectEcho({&b}, *client, "two");
  EXPECT_EQ(accepted_by_call_, 0);
}

TEST_F(UringAcceptTest, WhoeverWasAcceptedIsCountedAtTheEnd) {
  TestReactor reactor(Options());
  Clients clients;
  ConnectAndQueue(clients, reactor.listener(), 20);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_accepted > 0; }));
  ASSERT_LT(reactor.counters().connections_accepted, 10U);
  reactor.Finish();
  EXPECT_EQ(reactor.counters().connections_accepted, 20U);
  EXPECT_EQ(reactor.closed(CloseReason::kDrainForced), 20U);
}

TEST_F(UringAcceptTest, WhoeverWasAcceptedIsRefusedByADrainAsTheOthersAre) {
  TestReactor reactor(Options());
  Clients clients;
  ConnectAndQueue(clients, reactor.listener(), 20);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_accepted > 0; }));
  reactor.Post(SetAdmission{.id = 1, .admission = Admission::kReset});
  ASSERT_TRUE(reactor.TurnUntilReport(1).has_value());
  ASSERT_TRUE(reactor.TurnUntil([&] {
    return reactor.counters().connections_accepted + reactor.rejected(RejectReason::kDraining) ==
           20;
  }));
  EXPECT_GE(reactor.rejected(RejectReason::kDraining), 10U);
}

TEST_F(UringAcceptTest, UnderARateClientsWaitInTheKernelsQueue) {
  ManualClock clock;
  TestReactorOptions options = Options();
  options.clock = &clock;
  TestReactor reactor(options);
  PendingReplies replies;
  std::uint64_t commands = 0;
  const auto set_rate = [&](std::uint64_t rate) {
    Limits limits;
    limits.accept_rate = rate;
    limits.accept_burst = rate;
    replies.Expect(++commands);
    reactor.Post(SetLimits{.id = commands, .reply = &replies, .limits = limits});
    for (int i = 0; i < 5; ++i) reactor.Turn();
    EXPECT_TRUE(replies.WaitFor(commands, std::chrono::nanoseconds(0)).has_value());
  };
  Clients clients;
  Connect(clients, reactor.port(), 20);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_accepted > 0; }));
  set_rate(2);
  EXPECT_EQ(reactor.counters().connections_active, 20U) << "these came before the rate";
  EXPECT_EQ(accepted_by_call_, 0);

  Connect(clients, reactor.port(), 10);
  for (int i = 0; i < 20; ++i) reactor.Turn();
  EXPECT_EQ(reactor.counters().connections_active, 22U);
  EXPECT_EQ(Queued(reactor.listener()), 8U);
  EXPECT_EQ(accepted_by_call_, 2);

  set_rate(0);
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 30; }));
  EXPECT_EQ(accepted_by_call_, 2);
  for (const auto& client : clients) EXPECT_EQ(reactor.Echo(*client, "x"), "x");
}

TEST_F(UringAcceptTest, FewDescriptorsAreLeftToTheReactor) {
  SetPrefetchBelow(LowestFree() + 20);
  TestReactor reactor(Options());
  Clients clients;
  // The test's own ends count, too.
  while (reactor.counters().connections_active < 30) {
    Connect(clients, reactor.port(), 1);
    EXPECT_EQ(reactor.Echo(*clients.back(), "x"), "x");
  }
  EXPECT_GE(accepted_by_call_, 15);
  EXPECT_LE(accepted_by_call_, 25);
  clients.clear();
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 0; }));
  // One by a call, which tells that there is room again.
  accepted_by_call_ = 0;
  for (int i = 0; i < 5; ++i) {
    Connect(clients, reactor.port(), 1);
    EXPECT_EQ(reactor.Echo(*clients.back(), "x"), "x");
  }
  EXPECT_EQ(accepted_by_call_, 1);
}

TEST_F(UringAcceptTest, OutOfDescriptorsPauses) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitizer needs descriptors of its own";
#endif
  ManualClock clock;
  TestReactorOptions options = Options();
  options.clock = &clock;
  TestReactor reactor(options);
  Clients clients;
  Connect(clients, reactor.port(), 3);
  const auto errors = [&] {
    return reactor.counters().accept_errors[static_cast<std::size_t>(AcceptError::kFdLimit)];
  };
  {
    const DescriptorLimit limit(1);
    for (int i = 0; i < 50; ++i) reactor.Turn();
    EXPECT_EQ(reactor.counters().connections_active, 1U);
    EXPECT_EQ(errors(), 1U) << "it spins";
    EXPECT_EQ(Queued(reactor.listener()), 2U);
    EXPECT_EQ(reactor.Echo(*clients[0], "undisturbed"), "undisturbed");
  }
  clock.Advance(kNanosPerSecond);
  for (const auto& client : clients) EXPECT_EQ(reactor.Echo(*client, "x"), "x");
  EXPECT_EQ(errors(), 1U);
}

// One listener's clients take the descriptors; another's, which wait for nobody, get no more.
TEST_F(UringAcceptTest, FewDescriptorsAreFewForEveryListener) {
  const TestListener quiet;
  const int crowded_from = LowestFree() + 50;
  SetPrefetchBelow(crowded_from);
  TestReactor reactor(Options());
  reactor.Post(AdoptListeners{.id = 1, .listeners = {quiet.On(1)}});
  ASSERT_TRUE(reactor.TurnUntilReport(1).has_value());
  Clients clients;
  Connect(clients, quiet.port, 1);
  EXPECT_EQ(reactor.Echo(*clients.back(), "x"), "x");
  Connect(clients, reactor.port(), 1);
  EXPECT_EQ(reactor.Echo(*clients.back(), "x"), "x");
  EXPECT_EQ(accepted_by_call_, 0);
  std::vector<UniqueFd> others;
  while (LowestFree() < crowded_from) others.emplace_back(::dup(STDERR_FILENO));
  Connect(clients, reactor.port(), 1);
  EXPECT_EQ(reactor.Echo(*clients.back(), "x"), "x");
  reactor.Turn();  // in which the kernel is told
  reactor.Turn();
  EXPECT_EQ(accepted_by_call_, 0);
  Connect(clients, quiet.port, 5);
  for (const auto& client : clients) EXPECT_EQ(reactor.Echo(*client, "y"), "y");
  EXPECT_EQ(accepted_by_call_, 5);
}

// Of a reactor that has nothing else to ask of the kernel any more.
TEST_F(UringAcceptTest, ClosesGoOutWithTheEnd) {
  TestReactor b(Options(1));
  TestReactor a(Options());
  const int first = LowestFree();
  auto client = a.Connect();
  EXPECT_EQ(a.Echo(*client, "x"), "x");
  a.Post(HandOverListeners{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  client->Close();
  a.Post(Stop{});
  a.Turn();  // finds the client's end, and ends
  EXPECT_EQ(a.closed(CloseReason::kPeerClosed), 1U);
  EXPECT_EQ(LowestFree(), first);
}

TEST_F(UringAcceptTest, InheritedListenersKeepTheirQueues) {
  const TestListener inherited;
  TestReactor reactor(Options(1));
  Listener listener = inherited.On(0);
  listener.inherited = true;
  Clients clients;
  ConnectAndQueue(clients, inherited, 20);
  reactor.Post(AdoptListeners{.id = 1, .listeners = {listener}});
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_accepted > 0; }));
  reactor.Finish();
  EXPECT_LT(reactor.counters().connections_accepted, 10U);
  EXPECT_EQ(Queued(inherited), 20U - reactor.counters().connections_accepted);
}

TEST(FdBudgetTest, BurstsStayBelowTheCeiling) {
  constexpr int kBurst = FdBudget::kPrefetchBurst;
  FdBudget budget(8192);
  for (int i = 0; i < 3; ++i) budget.AddEngine();
  EXPECT_TRUE(budget.MayPrefetch());
  budget.Note(8192 - 3 * kBurst - 1);
  EXPECT_TRUE(budget.MayPrefetch());
  budget.Note(8192 - 3 * kBurst);
  EXPECT_FALSE(budget.MayPrefetch());
  budget.Note(100);
  EXPECT_TRUE(budget.MayPrefetch());
  budget.AddEngine();
  EXPECT_FALSE(budget.MayPrefetch()) << "four bursts are more than half of all";
  budget.RemoveEngine();
  EXPECT_TRUE(budget.MayPrefetch());
}

TEST(FdBudgetTest, NeedsManyDescriptors) {
  FdBudget few(2 * FdBudget::kPrefetchBurst - 1);
  FdBudget all;
  for (FdBudget* budget : {&few, &all}) budget->AddEngine();
  EXPECT_FALSE(few.MayPrefetch());
  EXPECT_TRUE(all.MayPrefetch());
}

}  // namespace
}  // namespace echogw
