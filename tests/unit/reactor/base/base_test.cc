// Goal: the basic classes work as documented: CHECK, UniqueFd, Counters, BufferPool.
#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/base/check.h"
#include "reactor/base/unique_fd.h"
#include "reactor/connection/buffer_pool.h"
#include "reactor/stats/counters.h"
#include "tests/support/descriptors.h"

namespace echogw {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

UniqueFd MakeFd() { return UniqueFd(::eventfd(0, EFD_CLOEXEC)); }

TEST(CheckDeathTest, NamesTheConditionAndThePlace) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  CHECK(1 + 1 == 2);
  EXPECT_DEATH(CHECK(1 + 1 == 3), "base_test.cc:[0-9]+: CHECK failed: 1 \\+ 1 == 3");
}

class UniqueFdTest : public DescriptorTest {};

TEST_F(UniqueFdTest, ClosesAtTheEndOfItsScope) {
  int number = -1;
  {
    const UniqueFd fd = MakeFd();
    number = fd.get();
    EXPECT_TRUE(fd.valid());
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST_F(UniqueFdTest, MovesOwnership) {
  UniqueFd a = MakeFd();
  const int number = a.get();
  UniqueFd b(std::move(a));
  EXPECT_EQ(b.get(), number);
  UniqueFd c = MakeFd();
  const int replaced = c.get();
  c = std::move(b);
  EXPECT_EQ(c.get(), number);
  EXPECT_FALSE(IsOpen(replaced));
  UniqueFd& itself = c;
  c = std::move(itself);
  EXPECT_EQ(c.get(), number);
  EXPECT_TRUE(IsOpen(number));
}

TEST_F(UniqueFdTest, ReleaseLeavesItOpen) {
  UniqueFd a = MakeFd();
  const int number = a.Release();
  EXPECT_FALSE(a.valid());
  EXPECT_TRUE(IsOpen(number));
  a.Reset(number);
  a.Reset();
  EXPECT_FALSE(IsOpen(number));
  a.Reset();
}

TEST(CountersTest, SnapshotHoldsEveryCount) {
  Counters counters;
  // Every counter gets a different value, so that a swapped or forgotten field is found. The block
  // is nothing but counters, the last bytes aside.
  auto* all = static_cast<Counter*>(static_cast<void*>(&counters));
  constexpr std::size_t kCounters = sizeof(CounterSnapshot) / sizeof(std::uint64_t);
  static_assert(sizeof(Counters) >= kCounters * sizeof(Counter));
  for (std::size_t i = 0; i < kCounters; ++i) all[i].Set(i + 1);

  const CounterSnapshot s = counters.Read();
  std::vector<std::uint64_t> values(kCounters);
  std::memcpy(values.data(), &s, sizeof(s));
  std::vector<std::uint64_t> expected(kCounters);
  for (std::size_t i = 0; i < kCounters; ++i) expected[i] = i + 1;
  EXPECT_THAT(values, ::testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(s.received_bytes, counters.received_bytes.value());
  EXPECT_EQ(s.connections_closed[5], counters.connections_closed[5].value());
  EXPECT_EQ(s.pending_bytes, counters.pending_bytes.value());
}

TEST(CountersTest, SumAddsAllAndKeepsTheLongestTurn) {
  CounterSnapshot a;
  constexpr std::size_t kCounters = sizeof(a) / sizeof(std::uint64_t);
  std::vector<std::uint64_t> values(kCounters, 1);
  // All its members are counts.
  std::memcpy(static_cast<void*>(&a), values.data(), sizeof(a));
  a.loop_longest_ns = 7;
  CounterSnapshot b = a;
  b.loop_longest_ns = 5;
  a += b;
  std::memcpy(values.data(), &a, sizeof(a));
  EXPECT_EQ(a.loop_longest_ns, 7U);
  EXPECT_EQ(std::count(values.begin(), values.end(), 2U), static_cast<long>(kCounters) - 1);
  EXPECT_EQ(a.closed_total(), 2 * kCloseReasons);
  EXPECT_EQ(a.rejected_total(), 2 * kRejectReasons);
}

TEST(CountersTest, BlocksOfTwoReactorsShareNoCacheLine) {
  EXPECT_GE(alignof(Counters), 128U);
  EXPECT_EQ(sizeof(Counters) % 128, 0U);
}

TEST(BufferPoolTest, ClassIsTheSmallestThatHolds) {
  EXPECT_EQ(BufferPool::ClassFor(1), 0);
  EXPECT_EQ(BufferPool::ClassFor(4096), 0);
  EXPECT_EQ(BufferPool::ClassFor(4097), 1);
  EXPECT_EQ(BufferPool::ClassFor(8192), 1);
  EXPECT_EQ(BufferPool::ClassFor(65536), 4);
  EXPECT_EQ(BufferPool::ClassFor(65537), 5);
  for (std::size_t bytes = 1; bytes <= 1U << 20U; bytes += 997) {
    const std::uint8_t c = BufferPool::ClassFor(bytes);
    EXPECT_GE(BufferPool::kSmallestBytes << c, bytes);
    if (c > 0) {
      EXPECT_LT(BufferPool::kSmallestBytes << (c - 1), bytes);
    }
  }
  EXPECT_EQ(BufferPool::ClassFor(std::size_t{128} << 20U), BufferPool::kClasses - 1);
}

TEST(BufferPoolTest, GivesABlockOutAgain) {
  BufferPool pool;
  BufferPool::Block block = pool.Take(2);
  std::memset(block.get(), 0x5a, BufferPool::kSmallestBytes << 2U);
  const std::byte* address = block.get();
  pool.Give(std::move(block), 2);
  EXPECT_EQ(pool.kept_bytes(), BufferPool::kSmallestBytes << 2U);
  EXPECT_NE(pool.Take(1).get(), address);
  block = pool.Take(2);
  EXPECT_EQ(block.get(), address);
  EXPECT_EQ(pool.kept_bytes(), 0U);
}

TEST(BufferPoolTest, KeepsNoMoreThanItsLimit) {
  BufferPool pool;
  constexpr std::uint8_t kClass = 6;  // 256 KiB
  std::vector<BufferPool::Block> blocks;
  for (int i = 0; i < 40; ++i) blocks.push_back(pool.Take(kClass));
  for (auto& block : blocks) pool.Give(std::move(block), kClass);
  EXPECT_EQ(pool.kept_bytes(), BufferPool::kKeptBytesMax);
  pool.Give(pool.Take(0), 0);
  EXPECT_EQ(pool.kept_bytes(), BufferPool::kKeptBytesMax);
}

TEST(HistogramTest, CountsByBitsAndKeepsTheSum) {
  Histogram<4> h;
  for (const std::uint64_t v : {0U, 1U, 2U, 3U, 4U, 7U, 8U, 1000U}) h.Record(v);
  const auto s = h.Read();
  EXPECT_EQ(s.buckets, (std::array<std::uint64_t, 4>{1, 1, 2, 4}))
      << "the last bucket takes the rest";
  EXPECT_EQ(s.sum, 1025U);
  EXPECT_EQ(s.count(), 8U);
  EXPECT_EQ(HistogramSnapshot<4>::UpperBound(2), 3U);
  auto twice = s;
  twice += s;
  EXPECT_EQ(twice.count(), 16U);
  EXPECT_EQ(twice.sum, 2050U);
}

}  // namespace
}  // namespace echogw
