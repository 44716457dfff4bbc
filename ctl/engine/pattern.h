// Pattern: the bytes that a load connection sends and expects back, by position in its stream.
//
// One block of seeded random bytes, repeated without end, shared read-only by all connections; each
// connection starts at another position in it (its phase). The period is a prime, so that a slip by
// a buffer, page or message differs. A loss of whole periods shows in the count of bytes, which the
// caller keeps.
#pragma once

#include <cstddef>
#include <cstdint>
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

  explicit Pattern(std::uint64_t seed);

  // Where the stream of connection number `serial` starts.
  [[nodiscard]] std::uint32_t PhaseOf(std::uint64_t serial) const;

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
                                                std::size_t size) const;

 private:
  static constexpr std::size_t kCacheLine = 64;

  std::uint64_t seed_;
  std::vector<char> block_;
};

}  // namespace echogw::ctl::load
