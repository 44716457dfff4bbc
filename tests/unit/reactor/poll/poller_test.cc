// Goal: epoll, poll, select and io_uring keep the same promises behind the one interface.
// Method: the same cases over each, on pipes and socket pairs.
#include "reactor/poll/poller.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/base/unique_fd.h"
#include "reactor/net/socket_io.h"
#include "reactor/poll/epoll_poller.h"
#include "reactor/stats/counters.h"
#include "tests/support/descriptors.h"
#include "tests/support/test_reactor.h"
#include "tests/support/wait_until.h"

namespace echogw {
namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    ours.Reset(ends[0]);
    theirs.Reset(ends[1]);
  }
  void Send() const { EXPECT_EQ(::write(theirs.get(), "x", 1), 1); }
  void Drain() const {
    std::array<char, 64> in{};
    while (::read(ours.get(), in.data(), in.size()) > 0) {
    }
  }
  UniqueFd ours;
  UniqueFd theirs;
};

class PollerTest : public DescriptorTest, public ::testing::WithParamInterface<PollerKind> {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    auto made = Poller::Create(GetParam(), deps_);
    ASSERT_TRUE(made.ok()) << made.status();
    poller_ = std::move(*made);
  }
  void TearDown() override {
    poller_.reset();
    DescriptorTest::TearDown();
  }

  // Token to mask of what is ready at this moment.
  std::map<std::uint64_t, std::uint32_t> Ready(std::size_t most = 64, Nanos timeout = 0) {
    std::vector<epoll_event> events(most);
    const std::size_t n = poller_->Wait(events, timeout);
    std::map<std::uint64_t, std::uint32_t> out;
    for (std::size_t i = 0; i < n; ++i) {
      // Copied: the kernel's structure is packed.
      const std::uint64_t token = events[i].data.u64;
      const std::uint32_t mask = events[i].events;
      EXPECT_TRUE(out.emplace(token, mask).second) << "reported twice";
    }
    return out;
  }

  KernelSocketIo io_;
  Counters counters_;
  const PollerDeps deps_{.io = io_, .counters = counters_, .buffer_bytes = 4096};
  std::unique_ptr<Poller> poller_;
};

INSTANTIATE_TEST_SUITE_P(, PollerTest, ::testing::ValuesIn(AllPollers()),
                         [](const auto& tested) { return std::string(PollerName(tested.param)); });

TEST_P(PollerTest, ReportsWhatIsReadyWithItsToken) {
  const Pair a;
  const Pair b;
  ASSERT_EQ(poller_->Add(a.ours.get(), 0x1'0000'0007, kInterestRead, false), 0);
  ASSERT_EQ(poller_->Add(b.ours.get(), UINT64_MAX, kInterestRead, false), 0);
  EXPECT_TRUE(Ready().empty());
  a.Send();
  auto ready = Ready();
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_NE(ready[0x1'0000'0007] & EPOLLIN, 0U);
  b.Send();
  EXPECT_EQ(Ready().size(), 2U);
  poller_->Closing(a.ours.get());
  poller_->Closing(b.ours.get());
}

TEST_P(PollerTest, ReportsWhatWasReadyBeforeItWasAdded) {
  for (const bool edge : {false, true}) {
    const Pair a;
    a.Send();
    ASSERT_EQ(poller_->Add(a.ours.get(), 5, kInterestRead, edge), 0);
    EXPECT_EQ(Ready().count(5), 1U);
    poller_->Closing(a.ours.get());
  }
}

TEST_P(PollerTest, LevelTriggeredReportsAgainUntilDrained) {
  const Pair a;
  ASSERT_EQ(poller_->Add(a.ours.get(), 5, kInterestRead, false), 0);
  a.Send();
  EXPECT_EQ(Ready().size(), 1U);
  EXPECT_EQ(Ready().size(), 1U);
  a.Drain();
  EXPECT_TRUE(Ready().empty());
  poller_->Closing(a.ours.get());
}

TEST_P(PollerTest, EdgeTriggeredReportsOnceAnEdgeWhereThereAreEdges) {
  const Pair a;
  ASSERT_EQ(poller_->Add(a.ours.get(), 5, kInterestRead, true), 0);
  a.Send();
  EXPECT_EQ(Ready().size(), 1U);
  EXPECT_EQ(Ready().size(), poller_->edge_triggered() ? 0U : 1U);
  a.Send();
  EXPECT_EQ(Ready().size(), 1U);
  poller_->Closing(a.ours.get());
}

TEST_P(PollerTest, SetInterestChangesWhatIsWatchedAndReportsAnew) {
  const Pair a;
  ASSERT_EQ(poller_->Add(a.ours.get(), 5, kInterestRead, true), 0);
  a.Send();
  EXPECT_EQ(Ready().size(), 1U);
  ASSERT_EQ(poller_->SetInterest(a.ours.get(), 6, kInterestWrite, true), 0);
  auto ready = Ready();
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[6] & (EPOLLIN | EPOLLOUT), static_cast<std::uint32_t>(EPOLLOUT));
  ASSERT_EQ(poller_->SetInterest(a.ours.get(), 7, kInterestRead | kInterestWrite, true), 0);
  ready = Ready();
  EXPECT_EQ(ready[7] & (EPOLLIN | EPOLLOUT), static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT));
  ASSERT_EQ(poller_->SetInterest(a.ours.get(), 8, kInterestRead, true), 0);
  EXPECT_EQ(Ready()[8] & EPOLLIN, static_cast<std::uint32_t>(EPOLLIN));
  poller_->Closing(a.ours.get());
}

TEST_P(PollerTest, RemovedDescriptorIsSilentAndMayComeBack) {
  const Pair a;
  const Pair b;
  ASSERT_EQ(poller_->Add(a.ours.get(), 1, kInterestRead, false), 0);
  ASSERT_EQ(poller_->Add(b.ours.get(), 2, kInterestRead, false), 0);
  a.Send();
  b.Send();
  poller_->Remove(a.ours.get());
  auto ready = Ready();
  EXPECT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready.count(2), 1U);
  ASSERT_EQ(poller_->Add(a.ours.get(), 3, kInterestRead, false), 0);
  ready = Ready();
  EXPECT_EQ(ready.size(), 2U);
  EXPECT_EQ(ready.count(3), 1U);
  poller_->Remove(b.ours.get());
  poller_->Remove(a.ours.get());
  EXPECT_TRUE(Ready().empty());
}

TEST_P(PollerTest, TheEndOfThePeerIsReported) {
  Pair a;
  ASSERT_EQ(poller_->Add(a.ours.get(), 5, kInterestRead, false), 0);
  a.theirs.Reset();
  EXPECT_NE(Ready()[5] & (EPOLLIN | EPOLLHUP | EPOLLRDHUP), 0U);
  // Also to who watches for writing only, as a reactor does whose client takes no more.
  ASSERT_EQ(poller_->SetInterest(a.ours.get(), 6, kInterestWrite, false), 0);
  EXPECT_NE(Ready()[6] & (EPOLLOUT | EPOLLHUP | EPOLLERR), 0U);
  poller_->Closing(a.ours.get());
}

TEST_P(PollerTest, WaitsForTheTimeoutAndNoLonger) {
  EXPECT_TRUE(Ready(64, 0).empty());
  constexpr std::chrono::nanoseconds kWait = std::chrono::milliseconds(3);
  EXPECT_GE(LongestWait(kWait,
                        [&] {
                          const auto begun = std::chrono::steady_clock::now();
                          EXPECT_TRUE(Ready(64, kWait.count()).empty());
                          return std::chrono::steady_clock::now() - begun;
                        }),
            kWait);
}

TEST_P(PollerTest, WaitWithoutEndReturnsWhenSomethingIsReady) {
  const Pair a;
  ASSERT_EQ(poller_->Add(a.ours.get(), 5, kInterestRead, false), 0);
  a.Send();
  EXPECT_EQ(Ready(64, kNever).size(), 1U);
  poller_->Closing(a.ours.get());
}

TEST_P(PollerTest, AFullBatchStarvesNobody) {
  constexpr std::size_t kPairs = 20;
  const std::vector<Pair> pairs(kPairs);
  for (std::size_t i = 0; i < kPairs; ++i) {
    ASSERT_EQ(poller_->Add(pairs[i].ours.get(), i, kInterestRead, false), 0);
    pairs[i].Send();
  }
  // All stay ready; three at a time, everybody has had a turn after seven waits.
  std::set<std::uint64_t> seen;
  for (std::size_t i = 0; i < (kPairs + 2) / 3; ++i) {
    const auto ready = Ready(3);
    EXPECT_EQ(ready.size(), 3U);
    for (const auto& [token, mask] : ready) seen.insert(token);
  }
  EXPECT_EQ(seen.size(), kPairs);
  for (const Pair& pair : pairs) poller_->Closing(pair.ours.get());
}

TEST_P(PollerTest, ClosedDescriptorsNumberIsUsedAgain) {
  for (std::uint64_t round = 1; round <= 5; ++round) {
    Pair a;
    ASSERT_EQ(poller_->Add(a.ours.get(), round, kInterestRead, true), 0);
    a.Send();
    auto ready = Ready();
    EXPECT_EQ(ready.size(), 1U);
    EXPECT_EQ(ready.count(round), 1U);
    poller_->Closing(a.ours.get());
  }
}

TEST_P(PollerTest, DescriptorsPastFdSetsizeAreWatchedOrRefused) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur <= FD_SETSIZE + 16) GTEST_SKIP() << "needs more than 1040 descriptors";
  const Pair a;
  const UniqueFd high(::fcntl(a.ours.get(), F_DUPFD_CLOEXEC, FD_SETSIZE));
  ASSERT_GE(high.get(), FD_SETSIZE);
  const int result = poller_->Add(high.get(), 5, kInterestRead, false);
  if (GetParam() == PollerKind::kSelect) {
    EXPECT_EQ(result, ERANGE);
    return;
  }
  ASSERT_EQ(result, 0);
  a.Send();
  EXPECT_EQ(Ready().count(5), 1U);
  poller_->Remove(high.get());
}

TEST(EpollPollerTest, TimeoutsAreRoundedUpToMilliseconds) {
  EXPECT_EQ(TimeoutMillis(kNever), -1);
  EXPECT_EQ(TimeoutMillis(-5), 0);
  EXPECT_EQ(TimeoutMillis(0), 0);
  EXPECT_EQ(TimeoutMillis(1), 1);
  EXPECT_EQ(TimeoutMillis(kNanosPerMilli), 1);
  EXPECT_EQ(TimeoutMillis(kNanosPerMilli + 1), 2);
  EXPECT_EQ(TimeoutMillis(kNever - 1), INT32_MAX);
}

TEST(EpollPollerTest, OutOfDescriptorsIsAnErrorThatNamesTheCall) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  // Before: a sanitizer needs a descriptor to look at an object of a type that it has not seen.
  KernelSocketIo io;
  Counters counters;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto made =
      Poller::Create(PollerKind::kEpoll, {.io = io, .counters = counters, .buffer_bytes = 4096});
  const PollerKind best = BestPoller();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(absl::IsResourceExhausted(made.status())) << made.status();
  EXPECT_NE(made.status().message().find("epoll_create1"), std::string::npos);
  EXPECT_EQ(best, PollerKind::kPoll) << "where epoll cannot be had, poll is next";
  EXPECT_EQ(BestPoller(), PollerKind::kEpoll);
}

}  // namespace
}  // namespace echogw
