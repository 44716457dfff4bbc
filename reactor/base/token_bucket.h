// A token bucket as one number: the time at which it is full again. A new bucket is full. The
// caller passes the time and the rate.
#pragma once

#include <algorithm>
#include <cstdint>

#include "reactor/base/clock.h"

namespace echogw {

// Both at least 1 and at most 2^34, so that products with nanoseconds fit.
struct TokenRate {
  std::uint64_t per_second = 1;
  std::uint64_t size = 1;
};

class TokenBucket {
 public:
  [[nodiscard]] static TokenBucket FullAt(Nanos at) noexcept {
    TokenBucket out;
    out.full_at_ = at;
    return out;
  }
  [[nodiscard]] Nanos full_at() const noexcept { return full_at_; }

  [[nodiscard]] std::uint64_t Available(Nanos now, const TokenRate& rate) const noexcept {
    const std::uint64_t missing = TokensIn(full_at_ - now, rate);
    return missing >= rate.size ? 0 : rate.size - missing;
  }

  // May take more than is available; the deficit is filled first.
  void Take(std::uint64_t tokens, Nanos now, const TokenRate& rate) noexcept {
    full_at_ = std::max(full_at_, now) + TimeOf(tokens, rate);
  }

  // When `tokens`, or a full bucket, are available; not before `now`.
  [[nodiscard]] Nanos WhenAvailable(std::uint64_t tokens, Nanos now,
                                    const TokenRate& rate) const noexcept {
    return std::max(now, full_at_ - TimeOf(rate.size - std::min(tokens, rate.size), rate));
  }

 private:
  static constexpr std::uint64_t kSecond = kNanosPerSecond;

  // Rounded down, while the tokens missing are rounded up: tokens just taken are missing.
  [[nodiscard]] static Nanos TimeOf(std::uint64_t tokens, const TokenRate& rate) noexcept {
    return static_cast<Nanos>(tokens / rate.per_second * kSecond +
                              tokens % rate.per_second * kSecond / rate.per_second);
  }
  [[nodiscard]] static std::uint64_t TokensIn(Nanos time, const TokenRate& rate) noexcept {
    if (time <= 0) return 0;
    const auto ns = static_cast<std::uint64_t>(time);
    return ns / kSecond * rate.per_second +
           (ns % kSecond * rate.per_second + kSecond - 1) / kSecond;
  }

  Nanos full_at_ = 0;
};

}  // namespace echogw
