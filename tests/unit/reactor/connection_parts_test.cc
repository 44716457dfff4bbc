// Goal: the parts that close, move and limit connections, each without the others and without a
// loop: the order and the times of what they do.
#include <chrono>

#include "gtest/gtest.h"
#include "reactor/connection_closer.h"
#include "reactor/connection_mover.h"
#include "reactor/limit_enforcer.h"
#include "tests/unit/reactor/part_test_base.h"

namespace echogw {
namespace {

class ConnectionPartsTest : public PartTest {
 protected:
  void SetUp() override {
    PartTest::SetUp();
    lister_ = std::make_unique<ConnectionLister>(*context_);
    sessions_ = std::make_unique<Sessions>(*context_, *host_, *lister_);
    limits_ = std::make_unique<LimitEnforcer>(*context_, *host_, *sessions_);
  }

  std::unique_ptr<ConnectionLister> lister_;
  std::unique_ptr<Sessions> sessions_;
  std::unique_ptr<LimitEnforcer> limits_;
};

TEST_F(ConnectionPartsTest, ADrainClosesTheLongestIdleFirstAndArrivalsLast) {
  ConnectionCloser closer(*context_, *host_, *lister_, *limits_);
  const Token active = Connect();
  const Token idle = Connect();
  At(idle).active_at_ms -= 1000;
  const Nanos end = context_->now + kNanosPerSecond;
  closer.Handle(CloseConnections{.id = 7, .spread = 20 * kNanosPerMilli, .hard_deadline = end});
  EXPECT_EQ(closer.next_at(), context_->now);
  closer.Run();
  EXPECT_TRUE(host_->closing.empty());
  Pass(10 * kNanosPerMilli);
  closer.Run();
  ASSERT_EQ(host_->closing.size(), 1U);
  EXPECT_EQ(host_->closing[0].index, idle.index);
  const Token late = Connect();
  closer.OnArrived(late);
  Pass(5 * kNanosPerMilli);
  closer.Run();
  EXPECT_EQ(host_->closing.size(), 1U) << "an arrival does not hurry the others";
  Pass(5 * kNanosPerMilli);
  closer.Run();
  ASSERT_EQ(host_->closing.size(), 3U);
  EXPECT_EQ(host_->closing[1].index, active.index);
  EXPECT_EQ(host_->closing[2].index, late.index);
  EXPECT_EQ(closer.next_at(), end) << "nothing is left to do but wait";
  Pass(kNanosPerSecond);
  closer.Run();
  EXPECT_EQ(context_->table.size(), 0U);
  ASSERT_EQ(host_->reports.size(), 1U);
  EXPECT_EQ(host_->reports[0].id, 7U);
  EXPECT_EQ(closer.next_at(), kNever);
}

TEST_F(ConnectionPartsTest, AMoveRetriesWhatItsTargetHasNoRoomFor) {
  ConnectionMover mover(*context_, *host_, *limits_);
  const auto target = MakeMailbox();
  (void)Connect();
  MoveConnections command{.id = 3, .targets = {target.get()}};
  mover.Handle(command);
  mover.Run();
  EXPECT_EQ(host_->arrived.size(), 1U) << "the mailbox is closed: it came back";
  EXPECT_TRUE(host_->reports.empty());
  EXPECT_EQ(mover.next_at(), context_->now + kRetryPause);
  target->Open();
  Pass(kRetryPause);
  mover.Run();
  EXPECT_EQ(context_->table.size(), 0U);
  ASSERT_EQ(host_->reports.size(), 1U);
  EXPECT_EQ(host_->reports[0].connections_moved, 1U);
  EXPECT_EQ(mover.next_at(), kNever);
  EXPECT_EQ(target->Close().size(), 1U);
}

TEST_F(ConnectionPartsTest, OneTimerServesHandshakeAndLimits) {
  const Token token = Connect();
  Service service;
  service.proxy = ProxyUse::kRequired;
  EXPECT_TRUE(sessions_->Begin(At(token), token, service));
  limits_->Apply(At(token), token);
  EXPECT_LE(limits_->next_at(), context_->now + options_.handshake_timeout.count());
  limits_->SetLimits({.idle_timeout = kNanosPerSecond});
  limits_->RunTimers();
  EXPECT_LE(limits_->next_at(), context_->now + kNanosPerSecond);
  limits_->SetLimits({});
  limits_->RunTimers();
  EXPECT_NE(limits_->next_at(), kNever) << "the handshake's deadline outlives a limit";
  Pass(options_.handshake_timeout.count() + TimerWheel::kTick);
  limits_->RunTimers();
  ASSERT_EQ(host_->closed.size(), 1U);
  EXPECT_EQ(host_->closed[0], CloseReason::kHandshakeTimeout);
}

TEST_F(ConnectionPartsTest, AnIdleConnectionIsClosedThenReset) {
  const Token token = Connect();
  limits_->SetLimits({.idle_timeout = kNanosPerSecond});
  Pass(kNanosPerSecond / 2);
  At(token).active_at_ms = context_->now_ms();
  Pass(kNanosPerSecond / 2 + TimerWheel::kTick);
  limits_->RunTimers();
  EXPECT_TRUE(host_->closing.empty()) << "it was active meanwhile";
  Pass(kNanosPerSecond / 2 + TimerWheel::kTick);
  limits_->RunTimers();
  ASSERT_EQ(host_->closing.size(), 1U);
  Pass(options_.limit_close_grace.count() + TimerWheel::kTick);
  limits_->RunTimers();
  ASSERT_EQ(host_->closed.size(), 1U);
  EXPECT_EQ(host_->closed[0], CloseReason::kIdleTimeout);
}

}  // namespace
}  // namespace echogw
