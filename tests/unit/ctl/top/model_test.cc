// Goal: figures between snapshots are right, also across a restart and a change of the reactors.
// Method: snapshots made by hand.
#include "ctl/top/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/top/columns.h"
#include "tests/unit/ctl/top/top_fixture.h"

namespace echogw::ctl::top {
namespace {

using testing::ElementsAre;

std::vector<std::uint32_t> Ids(const std::vector<ReactorRow>& rows) {
  std::vector<std::uint32_t> ids;
  for (const ReactorRow& row : rows) ids.push_back(row.id);
  return ids;
}

TEST(TopModelTest, TheFirstSnapshotHasNoRates) {
  TopModel model;
  EXPECT_TRUE(model.empty());
  EXPECT_EQ(model.drops(), 0U);
  model.Add(StatsAfter(0));
  EXPECT_FALSE(model.empty());
  EXPECT_FALSE(model.rates().has_value());
  EXPECT_FALSE(model.cpu().has_value());
  EXPECT_FALSE(model.rows()[0].rates.has_value());
  EXPECT_EQ(model.history(Figure::kConnections).size(), 1U);
  EXPECT_EQ(model.history(Figure::kAccepts).size(), 0U);
}

TEST(TopModelTest, RatesAreForASecond) {
  TopModel model;
  model.Add(StatsAfter(0));
  model.Add(StatsAfter(4));
  ASSERT_TRUE(model.rates().has_value());
  EXPECT_DOUBLE_EQ(model.rates()->accepts, 10);
  EXPECT_DOUBLE_EQ(model.rates()->messages, 1000);
  EXPECT_DOUBLE_EQ(model.rates()->received_bytes, 64'000);
  EXPECT_DOUBLE_EQ(model.rates()->sent_bytes, 64'000);
  EXPECT_DOUBLE_EQ(*model.cpu(), 0.5);
  const ReactorRow& row = model.rows()[1];
  EXPECT_DOUBLE_EQ(row.rates->messages, 1000);
  EXPECT_DOUBLE_EQ(*row.rates->events_per_wakeup, 2);
  EXPECT_DOUBLE_EQ(*row.rates->busy, 0.25);
  EXPECT_EQ(row.connections, 200U);
  EXPECT_EQ(row.listeners.queue, 3U);
  EXPECT_EQ(row.listeners.queue_limit, 4096U);
  EXPECT_EQ(row.weight, 1U);
  // Nothing happened there.
  EXPECT_FALSE(model.rows()[2].rates->busy.has_value());
  EXPECT_FALSE(model.rows()[2].rates->events_per_wakeup.has_value());
  EXPECT_EQ(model.history(Figure::kAccepts).size(), 1U);
  EXPECT_EQ(model.drops(), 11U);
  EXPECT_EQ(model.serving(), 2U);
}

TEST(TopModelTest, ARestartBeginsAnew) {
  TopModel model;
  model.Add(StatsAfter(0));
  model.Add(StatsAfter(1));
  admin::v1::GetStatsResponse young = StatsAfter(0);
  young.mutable_uptime()->set_seconds(2);
  model.Add(young);
  EXPECT_FALSE(model.rates().has_value());
  EXPECT_EQ(model.history(Figure::kConnections).size(), 1U);
  EXPECT_EQ(model.history(Figure::kMessages).size(), 0U);
}

TEST(TopModelTest, TheSameSnapshotTwiceHasNoRates) {
  TopModel model;
  model.Add(StatsAfter(1));
  model.Add(StatsAfter(1));
  EXPECT_FALSE(model.rates().has_value());
  EXPECT_EQ(model.history(Figure::kConnections).size(), 2U);
}

TEST(TopModelTest, ANewReactorCountsFromNothing) {
  TopModel model;
  model.Add(StatsAfter(0));
  admin::v1::GetStatsResponse grown = StatsAfter(1);
  admin::v1::Reactor& added = *grown.add_reactors();
  added.set_id(3);
  added.set_state(admin::v1::REACTOR_STATE_STARTING);
  added.mutable_counters()->set_reads(42);
  model.Add(grown);
  ASSERT_NE(model.Find(3), nullptr);
  EXPECT_DOUBLE_EQ(model.Find(3)->rates->messages, 42);
  EXPECT_EQ(model.serving(), 3U);
  EXPECT_EQ(model.Find(4), nullptr);
}

TEST(TopModelTest, ACounterThatGoesBackIsNoRate) {
  TopModel model;
  model.Add(StatsAfter(5));
  admin::v1::GetStatsResponse odd = StatsAfter(0);
  odd.mutable_uptime()->set_seconds(StatsAfter(6).uptime().seconds());
  model.Add(odd);
  EXPECT_DOUBLE_EQ(model.rates()->messages, 0);
}

TEST(ColumnsTest, OrdersWithUnknownLastAndTiesById) {
  TopModel model;
  model.Add(StatsAfter(0));
  model.Add(StatsAfter(1));
  EXPECT_THAT(Ids(Sorted(model.rows(), Column::kConnections, true)), ElementsAre(1, 0, 2));
  EXPECT_THAT(Ids(Sorted(model.rows(), Column::kConnections, false)), ElementsAre(2, 0, 1));
  EXPECT_THAT(Ids(Sorted(model.rows(), Column::kLoad, true)), ElementsAre(0, 1, 2));
  EXPECT_THAT(Ids(Sorted(model.rows(), Column::kQueue, true)), ElementsAre(0, 1, 2));
  EXPECT_THAT(Ids(Sorted(model.rows(), Column::kId, true)), ElementsAre(2, 1, 0));
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    EXPECT_EQ(Sorted(model.rows(), static_cast<Column>(i), true).size(), 3U);
  }
}

TEST(ColumnsTest, Texts) {
  TopModel model;
  model.Add(StatsAfter(0));
  EXPECT_EQ(ColumnText(model.rows()[0], Column::kLoad), "-");
  EXPECT_EQ(ColumnText(model.rows()[0], Column::kSent), "-");
  model.Add(StatsAfter(1));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    texts.push_back(ColumnText(model.rows()[0], static_cast<Column>(i)));
    EXPECT_LT(static_cast<int>(texts.back().size()), kColumns[i].width);
  }
  EXPECT_THAT(texts, ElementsAre("0", "0", "serving", "25%", "100", "10", "1.00k", "62.5K", "62.5K",
                                 "2.0", "3/4096", "1"));
  EXPECT_EQ(ColumnText(model.rows()[2], Column::kCpu), "-");
  EXPECT_EQ(ColumnText(model.rows()[2], Column::kQueue), "-");
  EXPECT_EQ(ColumnText(model.rows()[2], Column::kEvents), "-");
}

TEST(ColumnsTest, FillTheLeastTerminal) {
  int width = 0;
  for (const ColumnSpec& column : kColumns) width += column.width;
  EXPECT_EQ(width, kLeastWidth);
}

TEST(ColumnsTest, GoAround) {
  EXPECT_EQ(NextColumn(Column::kId, -1), Column::kWeight);
  EXPECT_EQ(NextColumn(Column::kWeight, 1), Column::kId);
  EXPECT_EQ(NextColumn(Column::kId, 2), Column::kState);
}

TEST(ColumnsTest, CompactBytesTakeFiveCharacters) {
  EXPECT_EQ(CompactBytes(0), "0");
  EXPECT_EQ(CompactBytes(-1), "0");
  EXPECT_EQ(CompactBytes(512), "512");
  EXPECT_EQ(CompactBytes(1536), "1.50K");
  EXPECT_EQ(CompactBytes(1023.0 * 1024), "1023K");
  EXPECT_EQ(CompactBytes(2.0 * 1024 * 1024 * 1024), "2.00G");
  EXPECT_LE(CompactBytes(1e300).size(), 5U);
}

}  // namespace
}  // namespace echogw::ctl::top
