// Slots, the reactors in them, and commands and reports between them and the control thread.

#include "server/pool/reactor_set.h"

#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "tests/unit/server/pool/pool_parts.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using ReactorSetTest = PoolPartsTest;

TEST_F(ReactorSetTest, CpusAreTakenInTurn) {
  PoolOptions options = LoopbackPool(0);
  options.cpus = {3, 1};
  Make(5, options);
  std::vector<int> cpus;
  for (const ReactorStats& r : Stats()) cpus.push_back(r.cpu);
  EXPECT_THAT(cpus, ElementsAre(3, 1, 3, 1, 3));
}

TEST_F(ReactorSetTest, CommandsToParkedSlotsAreRefused) {
  EXPECT_FALSE(Make(1).reactors.Post(0, Stop{}));
}

// What is not asked would seem to be alive, and its connections not to be there.
TEST_F(ReactorSetTest, AReactorThatTakesNoCommandsIsAskedAllTheSame) {
  PoolContext& pool = Make(1);
  Mailbox& mailbox = *pool.reactors.mailbox(0);
  mailbox.Open();
  while (mailbox.Post(CancelClose{})) {
  }
  EXPECT_TRUE(pool.reactors.Post(0, ReadConnections{}));
  EXPECT_EQ(mailbox.Close().size(), Mailbox::kCommandsMax + 1);
}

TEST_F(ReactorSetTest, EveryReactorAskedReports) {
  PoolContext& pool = Make(3);
  ASSERT_TRUE(pool.reactors.Start(0, 3).ok());
  EXPECT_THAT(pool.reactors.Running(), ElementsAre(0, 1, 2));
  EXPECT_THAT(pool.reactors.Serving(), IsEmpty());
  EXPECT_EQ(pool.reactors.Ask({0, 2}, SetAdmission{}).size(), 2U);
  pool.reactors.Stop({1});
  EXPECT_THAT(pool.reactors.Running(), ElementsAre(0, 2));
  pool.reactors.Stop({0, 2});
  EXPECT_THAT(pool.reactors.Running(), IsEmpty());
}

TEST_F(ReactorSetTest, ACancellationEndsTheWaitForReports) {
  PoolContext& pool = Make(1);
  std::atomic<bool> cancel{false};
  std::thread canceller([&] {
    cancel.store(true);
    pool.reactors.reports().Interrupt();
  });
  const auto begun = steady_clock::now();
  EXPECT_THAT(pool.reactors.Await({99}, begun + kAnswerTimeout, &cancel), IsEmpty());
  EXPECT_LT(steady_clock::now() - begun, kAnswerTimeout / 2);
  canceller.join();
}

TEST_F(ReactorSetTest, LimitsAreInForceForReactorsThatStartLater) {
  PoolContext& pool = Make(2);
  ASSERT_TRUE(pool.reactors.Start(0, 1).ok());
  Limits limits = pool.reactors.limits();
  limits.max_connections_total = 7;
  EXPECT_EQ(pool.reactors.SetLimits(limits, kAnswerTimeout), 0U) << "a parked slot is not awaited";
  EXPECT_EQ(pool.reactors.limits(), limits);
  pool.reactors.Stop({0});
}

}  // namespace
}  // namespace echogw::server
