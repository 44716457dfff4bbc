#include "ctl/engine/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace echogw::ctl::load {

namespace {

std::chrono::nanoseconds Nanoseconds(std::uint64_t value) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(value));
}

}  // namespace

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds LatencyHistogram::min() const {
  return Nanoseconds(count_ == 0 ? 0 : min_);
}

std::chrono::nanoseconds LatencyHistogram::max() const { return Nanoseconds(max_); }

std::chrono::nanoseconds LatencyHistogram::Mean() const {
  return Nanoseconds(count_ == 0 ? 0 : sum_ / count_);
}

std::uint64_t LatencyHistogram::MiddleOf(std::size_t bucket) {
  if (bucket < 2 * kSubBuckets) return bucket;
  const std::size_t shift = bucket / kSubBuckets - 1;
  const std::uint64_t low = static_cast<std::uint64_t>(bucket - shift * kSubBuckets) << shift;
  return low + ((std::uint64_t{1} << shift) >> 1);
}

std::chrono::nanoseconds LatencyHistogram::Quantile(double fraction) const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
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

}  // namespace echogw::ctl::load
