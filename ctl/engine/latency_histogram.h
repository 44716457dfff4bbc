// LatencyHistogram: counts of durations in log-linear buckets of a fixed array.
//
// Values below 256 ns are exact; above, each power of two is split into 128 buckets, and a bucket
// answers with its middle, so that a percentile is off by at most 1/256 of itself. Durations over
// kHighest count in the last bucket; minimum, maximum and mean are exact in any case.
// A value: one writer, no lock; histograms of several threads are merged once their writers ended.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "ctl/base/duration.h"

namespace echogw::ctl::load {

class LatencyHistogram {
 public:
  static constexpr Duration kHighest = std::chrono::seconds(100);

  // Counts one duration. A negative one counts as 0.
  void Record(Duration duration) {
    const std::int64_t signed_value = duration.count();
    const std::uint64_t value = signed_value < 0 ? 0 : static_cast<std::uint64_t>(signed_value);
    ++counts_[BucketOf(value < kHighestValue ? value : kHighestValue)];
    ++count_;
    sum_ += value;
    if (value < min_) min_ = value;
    if (value > max_) max_ = value;
  }

  void Merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // All of these are 0 when nothing was counted.
  [[nodiscard]] Duration min() const { return Nanoseconds(count_ == 0 ? 0 : min_); }
  [[nodiscard]] Duration max() const { return Nanoseconds(max_); }
  [[nodiscard]] Duration Mean() const { return Nanoseconds(count_ == 0 ? 0 : sum_ / count_); }

  // The duration that `fraction` (0 to 1) of all do not exceed, within [min, max]; 1 is the
  // maximum.
  [[nodiscard]] Duration Quantile(double fraction) const {
    if (count_ == 0) return Duration(0);
    if (fraction >= 1) return max();
    const double wanted = std::ceil(std::max(fraction, 0.0) * static_cast<double>(count_));
    const std::uint64_t rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      // The last bucket holds whatever is longer than kHighest: only the maximum is known of it.
      if (seen >= rank)
        return i + 1 == kBuckets ? max() : Nanoseconds(std::clamp(MiddleOf(i), min_, max_));
    }
    return max();
  }

 private:
  static Duration Nanoseconds(std::uint64_t value) {
    return Duration(static_cast<std::int64_t>(value));
  }

  static constexpr unsigned kSubBits = 7;
  static constexpr std::uint64_t kSubBuckets = 1u << kSubBits;
  static constexpr std::uint64_t kHighestValue = static_cast<std::uint64_t>(kHighest.count());

  // Values of [128 << shift, 256 << shift) go to buckets [128 * (shift + 1), 128 * (shift + 2)).
  static constexpr std::size_t BucketOf(std::uint64_t value) {
    if (value < 2 * kSubBuckets) return static_cast<std::size_t>(value);
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return static_cast<std::size_t>(shift * kSubBuckets + (value >> shift));
  }
  static std::uint64_t MiddleOf(std::size_t bucket) {
    if (bucket < 2 * kSubBuckets) return bucket;
    const std::size_t shift = bucket / kSubBuckets - 1;
    const std::uint64_t low = static_cast<std::uint64_t>(bucket - shift * kSubBuckets) << shift;
    return low + ((std::uint64_t{1} << shift) >> 1);
  }

  // One past the bucket of kHighestValue.
  static constexpr unsigned kHighestShift =
      static_cast<unsigned>(std::bit_width(kHighestValue)) - kSubBits - 1;
  static constexpr std::size_t kBuckets =
      kHighestShift * kSubBuckets + (kHighestValue >> kHighestShift) + 1;

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
};

}  // namespace echogw::ctl::load
