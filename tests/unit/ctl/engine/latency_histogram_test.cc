// Goal: percentiles are within 1 % of the exact ones over the whole range, and merging is the same
// as counting in one place. Method: seeded random durations against a sorted vector.
#include "ctl/engine/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

namespace echogw::ctl::load {
namespace {

using std::chrono::nanoseconds;

constexpr double kFractions[] = {0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999};

// Evenly spread over the orders of magnitude from 1 us to 100 s.
std::vector<nanoseconds> RandomDurations(std::uint32_t seed, std::size_t count) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> exponent(3, 11);
  std::vector<nanoseconds> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.emplace_back(static_cast<std::int64_t>(std::pow(10.0, exponent(random))));
  }
  return values;
}

nanoseconds ExactQuantile(const std::vector<nanoseconds>& sorted, double fraction) {
  const double rank = std::ceil(fraction * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

TEST(LoadHistogramTest, EveryQuantileIsWithinOnePercent) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::vector<nanoseconds> values = RandomDurations(seed, 5000);
    LatencyHistogram histogram;
    for (const nanoseconds value : values) histogram.Record(value);
    std::sort(values.begin(), values.end());
    for (const double fraction : kFractions) {
      const auto exact = static_cast<double>(ExactQuantile(values, fraction).count());
      const auto got = static_cast<double>(histogram.Quantile(fraction).count());
      EXPECT_LE(std::abs(got - exact), exact * 0.01) << "seed " << seed << " at " << fraction;
    }
    EXPECT_EQ(histogram.min(), values.front());
    EXPECT_EQ(histogram.max(), values.back());
    EXPECT_EQ(histogram.Quantile(1), values.back());
    EXPECT_EQ(histogram.count(), values.size());
  }
}

TEST(LoadHistogramTest, OneValueIsExactEverywhere) {
  for (std::int64_t value = 1; value < 100'000'000'000; value = value * 3 + 1) {
    LatencyHistogram histogram;
    histogram.Record(nanoseconds(value));
    for (const double fraction : kFractions) {
      EXPECT_EQ(histogram.Quantile(fraction), nanoseconds(value));
    }
    EXPECT_EQ(histogram.Mean(), nanoseconds(value));
  }
}

TEST(LoadHistogramTest, EmptyGivesZeros) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
  EXPECT_EQ(histogram.Mean(), nanoseconds(0));
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(0));
}

TEST(LoadHistogramTest, OutOfRangeIsCountedAtTheEnds) {
  LatencyHistogram histogram;
  histogram.Record(nanoseconds(-5));
  histogram.Record(std::chrono::hours(1));
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.min(), nanoseconds(0));
  EXPECT_EQ(histogram.max(), std::chrono::hours(1));
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.Quantile(0.99), std::chrono::hours(1));
}

TEST(LoadHistogramTest, MergeIsTheSameAsOne) {
  const std::vector<nanoseconds> values = RandomDurations(7, 9000);
  LatencyHistogram whole;
  LatencyHistogram parts[3];
  for (std::size_t i = 0; i < values.size(); ++i) {
    whole.Record(values[i]);
    parts[i % 3].Record(values[i]);
  }
  LatencyHistogram merged;
  for (const LatencyHistogram& part : parts) merged.Merge(part);
  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_EQ(merged.min(), whole.min());
  EXPECT_EQ(merged.max(), whole.max());
  EXPECT_EQ(merged.Mean(), whole.Mean());
  for (const double fraction : kFractions) {
    EXPECT_EQ(merged.Quantile(fraction), whole.Quantile(fraction));
  }
}

TEST(LoadHistogramTest, MergeOfAnEmptyOneChangesNothing) {
  LatencyHistogram histogram;
  histogram.Record(nanoseconds(1000));
  histogram.Merge(LatencyHistogram{});
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.min(), nanoseconds(1000));
}

}  // namespace
}  // namespace echogw::ctl::load
