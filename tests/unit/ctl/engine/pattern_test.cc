// Goal: any change of the stream is found: a flipped, missing, doubled or moved byte, a slip by any
// distance, another connection's bytes. Method: a stream of the pattern, damaged in one way each.
#include "ctl/engine/pattern.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

namespace echogw::ctl::load {
namespace {

constexpr std::size_t kSize = 4096;

class LoadPatternTest : public testing::Test {
 protected:
  std::string Stream(std::uint64_t serial, std::size_t size) const {
    return std::string(pattern_.At(pattern_.PhaseOf(serial)), size);
  }
  // What comparing `data` with the stream of `serial` finds.
  std::optional<Pattern::Mismatch> Compare(std::uint64_t serial, const std::string& data) const {
    return pattern_.Compare(pattern_.PhaseOf(serial), data.data(), data.size());
  }

  const Pattern pattern_{42};
};

TEST_F(LoadPatternTest, TheStreamItselfIsRight) {
  for (std::uint64_t serial = 0; serial < 100; ++serial) {
    EXPECT_FALSE(Compare(serial, Stream(serial, kSize)));
  }
  EXPECT_FALSE(Compare(3, Stream(3, Pattern::kContiguous)));
  EXPECT_FALSE(Compare(3, ""));
}

TEST_F(LoadPatternTest, EveryFlippedBitIsFound) {
  std::mt19937 random(1);
  for (int round = 0; round < 1000; ++round) {
    std::string data = Stream(5, kSize);
    const std::size_t at = random() % kSize;
    data[at] = static_cast<char>(data[at] ^ (1 << random() % 8));
    const auto mismatch = Compare(5, data);
    ASSERT_TRUE(mismatch);
    EXPECT_EQ(mismatch->first, at);
    EXPECT_EQ(mismatch->count, 1u);
    EXPECT_EQ(mismatch->expected, static_cast<unsigned char>(Stream(5, kSize)[at]));
  }
}

TEST_F(LoadPatternTest, MissingAndDoubledBytesAreFound) {
  std::mt19937 random(2);
  for (int round = 0; round < 1000; ++round) {
    const std::size_t at = random() % (kSize / 2);
    const std::size_t size = 1 + random() % 100;
    std::string missing = Stream(9, kSize);
    missing.erase(at, size);
    ASSERT_TRUE(Compare(9, missing));
    EXPECT_GE(Compare(9, missing)->first, at);
    std::string doubled = Stream(9, kSize);
    doubled.insert(at, doubled.substr(at, size));
    ASSERT_TRUE(Compare(9, doubled));
    EXPECT_GE(Compare(9, doubled)->first, at + size);
  }
}

TEST_F(LoadPatternTest, MovedBytesAreFound) {
  std::mt19937 random(3);
  for (int round = 0; round < 1000; ++round) {
    std::string data = Stream(2, kSize);
    const std::size_t from = random() % (kSize / 2 - 64);
    const std::size_t to = kSize / 2 + random() % (kSize / 2 - 64);
    std::swap_ranges(data.begin() + static_cast<std::ptrdiff_t>(from),
                     data.begin() + static_cast<std::ptrdiff_t>(from) + 64,
                     data.begin() + static_cast<std::ptrdiff_t>(to));
    EXPECT_TRUE(Compare(2, data));
  }
}

TEST_F(LoadPatternTest, NoSlipLooksRight) {
  const std::uint32_t phase = pattern_.PhaseOf(1);
  for (std::size_t slip = 1; slip < Pattern::kPeriod; ++slip) {
    ASSERT_TRUE(pattern_.Compare(phase, pattern_.At(Pattern::Advance(phase, slip)), 64)) << slip;
  }
}

TEST_F(LoadPatternTest, ConnectionsAndSeedsDiffer) {
  std::set<std::uint32_t> phases;
  for (std::uint64_t serial = 0; serial < 1000; ++serial) phases.insert(pattern_.PhaseOf(serial));
  EXPECT_GT(phases.size(), 980u);
  EXPECT_TRUE(Compare(0, Stream(1, kSize)));
  const Pattern other(43);
  EXPECT_TRUE(pattern_.Compare(0, other.At(0), kSize));
}

TEST_F(LoadPatternTest, AdvanceFollowsTheStream) {
  std::uint32_t phase = pattern_.PhaseOf(4);
  std::uint64_t position = phase;
  for (const std::size_t step : {std::size_t{1}, std::size_t{64}, Pattern::kPeriod - 1,
                                 Pattern::kPeriod, Pattern::kContiguous}) {
    phase = Pattern::Advance(phase, step);
    position += step;
    EXPECT_EQ(phase, position % Pattern::kPeriod);
  }
}

}  // namespace
}  // namespace echogw::ctl::load
