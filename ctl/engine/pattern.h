// Pattern: the bytes that a load connection sends and expects back, by position in its stream.
//
// One block of seeded random bytes, repeated without end, shared read-only by all connections; each
// connection starts at another position in it (its phase). The period is a prime, so that a slip by
// a buffer, page or message differs. A loss of whole periods shows in the count of bytes, which the
// caller keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace echogw::ctl::load {

class Pattern {
 public:
  static constexpr std::size_t kPeriod = 65521;
  // This many bytes are readable in one piece from any phase.
  static constexpr std::size_t kContiguous = 256 * 1024;

  struct Mismatch {
    // Position of the first wrong byte in the data compared, and what it should be.
    std::size_t first = 0;
    unsigned char expected = 0;
    // Wrong bytes in all.
    std::size_t count = 0;
  };

  explicit Pattern(std::uint64_t seed) : seed_(Mix(seed)), block_(kPeriod + kContiguous) {
    for (std::size_t i = 0; i < kPeriod; ++i) {
      block_[i] = static_cast<char>(Mix(seed_ + i / 8) >> (i % 8 * 8));
    }
    for (std::size_t i = kPeriod; i < block_.size(); ++i) block_[i] = block_[i - kPeriod];
  }

  // Where the stream of connection number `serial` starts.
  [[nodiscard]] std::uint32_t PhaseOf(std::uint64_t serial) const {
    return static_cast<std::uint32_t>(Mix(seed_ ^ Mix(serial)) % kPeriod);
  }

  // The phase `bytes` further on in the stream.
  static std::uint32_t Advance(std::uint32_t phase, std::size_t bytes) {
    const std::size_t next = phase + bytes;
    return static_cast<std::uint32_t>(next < kPeriod ? next : next % kPeriod);
  }

  // A hint that the bytes from `phase` on are needed soon.
  void Prefetch(std::uint32_t phase) const {
    __builtin_prefetch(At(phase));
    __builtin_prefetch(At(phase) + kCacheLine);
  }

  // kContiguous bytes of the stream from `phase`, which is below kPeriod.
  [[nodiscard]] const char* At(std::uint32_t phase) const { return block_.data() + phase; }

  // Compares at most kContiguous bytes with the stream at `phase`; nothing when they are equal.
  [[nodiscard]] std::optional<Mismatch> Compare(std::uint32_t phase, const char* data,
                                                std::size_t size) const {
    const char* expected = At(phase);
    if (std::memcmp(expected, data, size) == 0) return std::nullopt;
    Mismatch mismatch;
    for (std::size_t i = 0; i < size; ++i) {
      if (expected[i] == data[i]) continue;
      if (mismatch.count++ == 0) {
        mismatch.first = i;
        mismatch.expected = static_cast<unsigned char>(expected[i]);
      }
    }
    return mismatch;
  }

 private:
  // SplitMix64's output function: spreads neighbouring numbers over all 64 bits.
  static std::uint64_t Mix(std::uint64_t value) {
    value += 0x9E3779B97F4A7C15u;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
  }

  static constexpr std::size_t kCacheLine = 64;

  std::uint64_t seed_;
  std::vector<char> block_;
};

}  // namespace echogw::ctl::load
