// Distributions that a reactor keeps: power-of-two buckets, so that recording is one bit count and
// two additions. One writer, the reactor's thread; any thread may read.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "reactor/base/counter.h"

namespace echogw {

// Bucket i counts values that need i bits: 0, 1, 2-3, 4-7 ... The last one counts all larger values
// too.
template <std::size_t kBuckets>
struct HistogramSnapshot {
  std::array<std::uint64_t, kBuckets> buckets{};
  std::uint64_t sum = 0;  // of the values

  // The largest value of a bucket; meaningless for the last one.
  [[nodiscard]] static constexpr std::uint64_t UpperBound(std::size_t bucket) {
    return (std::uint64_t{1} << bucket) - 1;
  }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t n = 0;
    for (const std::uint64_t b : buckets) n += b;
    return n;
  }
  HistogramSnapshot& operator+=(const HistogramSnapshot& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets[i] += other.buckets[i];
    sum += other.sum;
    return *this;
  }
};

template <std::size_t kBuckets>
class Histogram {
 public:
  void Record(std::uint64_t value) noexcept {
    const auto bits = static_cast<std::size_t>(std::bit_width(value));
    buckets_[bits < kBuckets ? bits : kBuckets - 1].Add(1);
    sum_.Add(value);
  }

  [[nodiscard]] HistogramSnapshot<kBuckets> Read() const noexcept {
    HistogramSnapshot<kBuckets> s;
    for (std::size_t i = 0; i < kBuckets; ++i) s.buckets[i] = buckets_[i].value();
    s.sum = sum_.value();
    return s;
  }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_;
};

}  // namespace echogw
