// Goal: every connection is counted in one state, and slots are used in order, again in churn and
// once in a stream. Method: pure calls.
#include "ctl/engine/connection_slots.h"

#include <gtest/gtest.h>

namespace echogw::ctl::load {
namespace {

using State = LoadConnection::State;

constexpr LoadTime kNow{std::chrono::seconds(1000)};

TEST(ConnectionSlotsTest, AStreamUsesEachSlotOnceLowestFirst) {
  ConnectionSlots slots(3, false, 2);
  EXPECT_EQ(slots.In(State::kIdle), 3U);
  LoadConnection& first = slots.TakeIdle();
  EXPECT_EQ(slots.IndexOf(first), 0U);
  EXPECT_EQ(slots.IndexOf(slots.TakeIdle()), 1U);
  EXPECT_FALSE(slots.CanConnect());  // two are pending
  slots.Enter(first, State::kOpen);
  EXPECT_TRUE(slots.CanConnect());
  slots.Release(first);
  EXPECT_EQ(first.state, State::kDead);
  slots.Release(slots[1], kNow);
  EXPECT_EQ(slots.In(State::kDead), 2U);
  EXPECT_EQ(slots.NextPauseEnd(), LoadTime::max());
  EXPECT_EQ(slots.pending(), 0U);
  EXPECT_EQ(slots.IndexOf(slots.TakeIdle()), 2U);
  EXPECT_EQ(slots.In(State::kIdle), 0U);
}

TEST(ConnectionSlotsTest, AChurnSlotIsUsedAgainAfterItsPause) {
  ConnectionSlots slots(1, true, 1);
  LoadConnection& connection = slots.TakeIdle();
  connection.serial = 7;
  slots.Release(connection);
  EXPECT_TRUE(slots.CanConnect());
  EXPECT_EQ(slots.TakeIdle().serial, 0U);
  slots.Release(connection, kNow);
  EXPECT_FALSE(slots.CanConnect());
  EXPECT_EQ(slots.NextPauseEnd(), kNow);
  slots.EndPauses(kNow - std::chrono::nanoseconds(1));
  EXPECT_FALSE(slots.CanConnect());
  slots.EndPauses(kNow);
  EXPECT_TRUE(slots.CanConnect());
  EXPECT_EQ(slots.In(State::kIdle), 1U);
}

}  // namespace
}  // namespace echogw::ctl::load
