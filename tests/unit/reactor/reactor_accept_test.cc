// Goal: accepting continues as long as it can, pauses without harm when it cannot, and every
// rejected client is counted with its reason.
#include <fcntl.h>
#include <linux/filter.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "reactor/net/steering.h"
#include "tests/support/faulty_socket_io.h"
#include "tests/support/hooked_socket_io.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

using End = TestClient::End;

class ReactorAcceptTest : public ReactorTest {
 protected:
  static constexpr Nanos kPause = 10 * kNanosPerMilli;  // ReactorOptions::accept_pause_min

  static void TurnTimes(TestReactor& reactor, int n) {
    for (int i = 0; i < n; ++i) reactor.Turn();
  }

  [[nodiscard]] TestReactorOptions FaultyOptions() {
    TestReactorOptions options = Options();
    options.io = &io_;
    options.clock = &clock_;
    return options;
  }

  [[nodiscard]] static std::uint64_t Errors(const TestReactor& reactor, AcceptError kind) {
    return reactor.counters().accept_errors[static_cast<std::size_t>(kind)];
  }

  FaultySocketIo io_;
  ManualClock clock_;
};
INSTANTIATE_TEST_SUITE_P(, ReactorAcceptTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

TEST_P(ReactorAcceptTest, OutOfDescriptorsPausesAndBacksOff) {
  TestReactor reactor(FaultyOptions());
  const auto old = reactor.Connect();
  std::size_t accepts = io_.accepts();
  io_.FailAccept(EMFILE);
  TestClient waiting(reactor.port());
  TurnTimes(reactor, 20);
  EXPECT_EQ(io_.accepts() - accepts, 1U) << "it retried at once";
  EXPECT_EQ(Errors(reactor, AcceptError::kFdLimit), 1U);
  const std::uint64_t events = reactor.counters().ready_events;
  TurnTimes(reactor, 20);
  EXPECT_EQ(reactor.counters().ready_events, events) << "the loop spins on the listener";
  EXPECT_EQ(reactor.Echo(*old, "undisturbed"), "undisturbed");

  // 10 ms, 20 ms, 40 ms ... up to a second.
  accepts = io_.accepts();
  Nanos pause = kPause;
  for (int i = 0; i < 12; ++i) {
    clock_.Advance(pause - 1);
    TurnTimes(reactor, 3);
    EXPECT_EQ(io_.accepts(), accepts) << "too early, pause " << i;
    clock_.Advance(1);
    TurnTimes(reactor, 3);
    EXPECT_EQ(io_.accepts(), ++accepts) << "too late, pause " << i;
    pause = std::min<Nanos>(2 * pause, kNanosPerSecond);
  }
  EXPECT_EQ(pause, kNanosPerSecond);

  io_.FailAccept(0);
  clock_.Advance(pause);
  EXPECT_EQ(reactor.Echo(waiting, "served after all"), "served after all");

  // The next shortage begins with the shortest pause again.
  io_.FailAccept(ENFILE);
  const TestClient next(reactor.port());
  accepts = io_.accepts();
  TurnTimes(reactor, 3);
  EXPECT_EQ(io_.accepts(), accepts + 1);
  clock_.Advance(kPause);
  TurnTimes(reactor, 3);
  EXPECT_EQ(io_.accepts(), accepts + 2);
}

TEST_P(ReactorAcceptTest, AConnectionThatClosesEndsThePause) {
  TestReactor reactor(FaultyOptions());
  const auto old = reactor.Connect();
  io_.FailAccept(EMFILE);
  TestClient waiting(reactor.port());
  TurnTimes(reactor, 3);
  ASSERT_EQ(Errors(reactor, AcceptError::kFdLimit), 1U);
  io_.FailAccept(0);
  old->Close();
  // The clock stands still: only the freed descriptor can be the reason.
  EXPECT_EQ(reactor.Echo(waiting, "x"), "x");
}

TEST_P(ReactorAcceptTest, OutOfMemoryIsCountedApart) {
  for (const int error : {ENOMEM, ENOBUFS}) {
    TestReactor reactor(FaultyOptions());
    io_.FailAccept(error);
    TestClient waiting(reactor.port());
    TurnTimes(reactor, 5);
    EXPECT_EQ(Errors(reactor, AcceptError::kMemory), 1U);
    io_.FailAccept(0);
    clock_.Advance(kPause);
    EXPECT_EQ(reactor.Echo(waiting, "x"), "x");
  }
}

TEST_P(ReactorAcceptTest, ErrorOfOneConnectionDoesNotPause) {
  TestReactor reactor(FaultyOptions());
  io_.FailAccept(ECONNABORTED);
  TestClient waiting(reactor.port());
  TurnTimes(reactor, 3);
  EXPECT_GE(Errors(reactor, AcceptError::kOther), 1U);
  io_.FailAccept(0);
  EXPECT_EQ(reactor.Echo(waiting, "x"), "x");
}

TEST_P(ReactorAcceptTest, ErrorOfTheListenerItselfDoesNotSpin) {
  TestReactor reactor(FaultyOptions());
  const auto old = reactor.Connect();
  std::vector<std::unique_ptr<TestClient>> waiting;  // one that leaves would end the pause
  for (const int error : {EINVAL, EOPNOTSUPP}) {
    const std::size_t accepts = io_.accepts();
    io_.FailAccept(error);
    waiting.push_back(std::make_unique<TestClient>(reactor.port()));
    TurnTimes(reactor, 50);
    EXPECT_EQ(io_.accepts() - accepts, 1U);
    EXPECT_EQ(reactor.Echo(*old, "undisturbed"), "undisturbed");
    io_.FailAccept(0);
    clock_.Advance(kNanosPerSecond);
    EXPECT_EQ(reactor.Echo(*waiting.back(), "x"), "x");
  }
  EXPECT_EQ(Errors(reactor, AcceptError::kOther), 2U);
}

TEST_P(ReactorAcceptTest, ShortageIsLoggedOnceASecondAtMost) {
  TestReactor reactor(FaultyOptions());
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(reactor.Connect());
  io_.FailAccept(EMFILE);
  const TestClient waiting(reactor.port());
  // Each client that leaves ends the pause, and the next accept fails again.
  for (std::uint64_t left = 20; left > 0; --left) {
    clients.pop_back();
    ASSERT_TRUE(
        reactor.TurnUntil([&] { return reactor.counters().connections_active == left - 1; }));
    TurnTimes(reactor, 3);
  }
  EXPECT_GE(Errors(reactor, AcceptError::kFdLimit), 10U);
  EXPECT_EQ(reactor.log().Count("pauses accepting"), 1U);
  clock_.Advance(2 * kNanosPerSecond);
  TurnTimes(reactor, 3);
  EXPECT_EQ(reactor.log().Count("pauses accepting"), 2U);
}

TEST_P(ReactorAcceptTest, FullTableTurnsAwayAndRecovers) {
  TestReactorOptions options = Options();
  options.reactor.limits.max_connections = 2;
  TestReactor reactor(options);
  const auto a = reactor.Connect();
  const auto b = reactor.Connect();
  TestClient c(reactor.port());
  EXPECT_TRUE(reactor.TurnUntil([&] {
    c.Pump();
    return c.end() == End::kReset;
  }));
  EXPECT_EQ(reactor.rejected(RejectReason::kTableFull), 1U);
  EXPECT_EQ(reactor.counters().connections_accepted, 2U);
  a->Close();
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.counters().connections_active == 1; }));
  const auto d = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*d, "x"), "x");
  EXPECT_EQ(reactor.Echo(*b, "y"), "y");
}

TEST_P(ReactorAcceptTest, DescriptorPastFdSetsizeIsServedOrTurnedAway) {
  HookedSocketIo io;
  bool high = true;
  io.on_accept = [&](AcceptResult fd) {
    if (fd < 0 || !high) return fd;
    const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, FD_SETSIZE);
    ::close(fd);
    return moved;
  };
  TestReactorOptions options = Options();
  options.io = &io;
  TestReactor reactor(options);
  TestClient client(reactor.port());
  if (GetParam() == PollerKind::kSelect) {
    EXPECT_TRUE(reactor.TurnUntil([&] {
      client.Pump();
      return client.end() == End::kReset;
    }));
    EXPECT_EQ(reactor.rejected(RejectReason::kFdLimitSelect), 1U);
    high = false;
    const auto low = reactor.Connect();
    EXPECT_EQ(reactor.Echo(*low, "x"), "x");
    return;
  }
  EXPECT_EQ(reactor.Echo(client, "x"), "x");
  EXPECT_EQ(reactor.counters().rejected_total(), 0U);
}

TEST_P(ReactorAcceptTest, RefusingResetsNewClientsOnly) {
  TestReactor reactor(Options());
  const auto old = reactor.Connect();
  reactor.Post(SetAdmission{.id = 1, .admission = Admission::kReset});
  ASSERT_TRUE(reactor.TurnUntilReport(1).has_value());
  TestClient refused(reactor.port());
  EXPECT_TRUE(reactor.TurnUntil([&] {
    refused.Pump();
    return refused.end() == End::kReset;
  }));
  EXPECT_EQ(reactor.rejected(RejectReason::kDraining), 1U);
  EXPECT_EQ(reactor.Echo(*old, "undisturbed"), "undisturbed");
  reactor.Post(SetAdmission{.id = 2, .admission = Admission::kAccept});
  ASSERT_TRUE(reactor.TurnUntilReport(2).has_value());
  const auto welcome = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*welcome, "x"), "x");
}

TEST_P(ReactorAcceptTest, TakesTheFilterOfTheListenerOffItsConnections) {
  HookedSocketIo io;
  int accepted = -1;
  io.on_accept = [&](AcceptResult fd) {
    if (fd >= 0) accepted = fd;
    return fd;
  };
  auto filter_length = [&] {
    socklen_t length = 0;
    EXPECT_EQ(::getsockopt(accepted, SOL_SOCKET, SO_GET_FILTER, nullptr, &length), 0);
    return length;
  };
  TestReactorOptions options = Options();
  options.io = &io;
  TestReactor reactor(options);
  TestClient a(reactor.port());
  TestClient b(reactor.port());
  ASSERT_TRUE(AttachSynDrop(reactor.listener().fd.get()).ok());
  reactor.Post(SetAdmission{.id = 1, .detach_filter = true});
  ASSERT_TRUE(reactor.TurnUntilReport(1).has_value());
  EXPECT_EQ(reactor.Echo(a, "served"), "served");
  EXPECT_EQ(reactor.Echo(b, "served"), "served");
  ASSERT_GE(accepted, 0);
  EXPECT_EQ(filter_length(), 0U);
}

TEST_P(ReactorAcceptTest, AReactorWithMuchToDoAcceptsMoreInATurn) {
  TestReactor reactor(Options());
  std::vector<std::unique_ptr<TestClient>> busy;
  for (int i = 0; i < 160; ++i) busy.push_back(reactor.Connect());
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(std::make_unique<TestClient>(reactor.port()));
  int turns = 0;
  while (reactor.counters().connections_active < 260 && turns < 1000) {
    for (const auto& client : busy) client->Send("x");
    reactor.Turn();
    ++turns;
  }
  EXPECT_LT(turns, 60) << "waiting clients get no share of a long turn";
}

}  // namespace
}  // namespace echogw
