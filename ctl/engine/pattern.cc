#include "ctl/engine/pattern.h"

#include <cstring>

namespace echogw::ctl::load {

namespace {

// SplitMix64's output function: spreads neighbouring numbers over all 64 bits.
std::uint64_t Mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

}  // namespace

Pattern::Pattern(std::uint64_t seed) : seed_(Mix(seed)), block_(kPeriod + kContiguous) {
  for (std::size_t i = 0; i < kPeriod; ++i) {
    block_[i] = static_cast<char>(Mix(seed_ + i / 8) >> (i % 8 * 8));
  }
  for (std::size_t i = kPeriod; i < block_.size(); ++i) block_[i] = block_[i - kPeriod];
}

std::uint32_t Pattern::PhaseOf(std::uint64_t serial) const {
  return static_cast<std::uint32_t>(Mix(seed_ ^ Mix(serial)) % kPeriod);
}

std::optional<Pattern::Mismatch> Pattern::Compare(std::uint32_t phase, const char* data,
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

}  // namespace echogw::ctl::load
