// LatencyHistogram: counts of durations in log-linear buckets of a fixed array.
//
// Values below 256 ns are exact; above, each power of two is split into 128 buckets, and a bucket
// answers with its middle, so that a percentile is off by at most 1/256 of itself. Durations over
// kHighest count in the last bucket; minimum, maximum and mean are exact in any case.
// A value: one writer, no lock; histograms of several threads are merged once their writers ended.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace echogw::ctl::load {

class LatencyHistogram {
 public:
  static constexpr std::chrono::nanoseconds kHighest = std::chrono::seconds(100);

  // Counts one duration. A negative one counts as 0.
  void Record(std::chrono::nanoseconds duration) {
    const std::int64_t signed_value = duration.count();
    const std::uint64_t value = signed_value < 0 ? 0 : static_cast<std::uint64_t>(signed_value);
    ++counts_[BucketOf(value < kHighestValue ? value : kHighestValue)];
    ++count_;
    sum_ += value;
    if (value < min_) min_ = value;
    if (value > max_) max_ = value;
  }

  void Merge(const LatencyHistogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // All of these are 0 when nothing was counted.
  [[nodiscard]] std::chrono::nanoseconds min() const;
  [[nodiscard]] std::chrono::nanoseconds max() const;
  [[nodiscard]] std::chrono::nanoseconds Mean() const;

  // The duration that `fraction` (0 to 1) of all counted ones do not exceed, never outside
  // [min, max]. 1 gives the exact maximum.
  [[nodiscard]] std::chrono::nanoseconds Quantile(double fraction) const;

 private:
  static constexpr unsigned kSubBits = 7;
  static constexpr std::uint64_t kSubBuckets = 1u << kSubBits;
  static constexpr std::uint64_t kHighestValue = static_cast<std::uint64_t>(kHighest.count());

  // Values of [128 << shift, 256 << shift) go to buckets [128 * (shift + 1), 128 * (shift + 2)).
  static constexpr std::size_t BucketOf(std::uint64_t value) {
    if (value < 2 * kSubBuckets) return static_cast<std::size_t>(value);
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return static_cast<std::size_t>(shift * kSubBuckets + (value >> shift));
  }
  static std::uint64_t MiddleOf(std::size_t bucket);

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
