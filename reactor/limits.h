// The limits of the data plane that operators change at run time: a plain value, copied to every
// reactor. 0 means no limit and costs nothing, unless a field says otherwise. Values and constants;
// any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/base/clock.h"

namespace echogw {

// What happens to connections above the accept rate.
enum class AcceptExcess : std::uint8_t {
  kWait,   // they stay in the kernel's queue
  kReset,  // accept, then RST
};
inline constexpr auto kAcceptExcessNames = std::to_array<const char*>({"wait", "reset"});

struct Limits {
  // Connections of one reactor; at least 1.
  std::uint64_t max_connections = std::uint64_t{1} << 20U;
  // Of all reactors, and of one client, as ClientKey tells them apart.
  std::uint64_t max_connections_total = 0;
  std::uint64_t max_connections_per_client = 0;
  // New connections per second of all reactors, with bursts of accept_burst (0: of accept_rate).
  std::uint64_t accept_rate = 0;
  std::uint64_t accept_burst = 0;
  AcceptExcess accept_excess = AcceptExcess::kWait;
  // Bytes per second that are read from one connection.
  std::uint64_t rate = 0;
  // A connection is closed after this time without activity, after this time in all, or after this
  // time without a first byte.
  Nanos idle_timeout = 0;
  Nanos max_age = 0;
  Nanos first_byte_timeout = 0;
  // The largest read, if smaller than ReactorOptions::buffer_bytes, and so the most that is held
  // for a client that does not read.
  std::uint64_t output_buffer = 0;

  [[nodiscard]] bool operator==(const Limits&) const = default;

  // Whether the ConnectionLimiter counts connections, and whether they have timers.
  [[nodiscard]] bool counts() const noexcept {
    return max_connections_total != 0 || max_connections_per_client != 0;
  }
  [[nodiscard]] bool times() const noexcept {
    return idle_timeout != 0 || max_age != 0 || first_byte_timeout != 0;
  }
};

// One limit: the only description that the configuration, SetLimits, messages and metrics use.
struct LimitField {
  enum class Unit : std::uint8_t { kCount, kBytes, kNanoseconds, kAcceptExcess };

  const char* name;  // of the field of the admin API and of the metric
  const char* key;   // of the configuration
  Unit unit;
  // The range beside 0, which means no limit where it is `optional`.
  std::uint64_t min;
  std::uint64_t max;
  bool optional;
  const char* help;
  std::uint64_t (*get)(const Limits&);
  void (*set)(Limits&, std::uint64_t);
};

[[nodiscard]] std::span<const LimitField> LimitFields();

inline constexpr std::uint64_t kReactorConnectionsMax = std::uint64_t{1} << 20U;
inline constexpr std::uint64_t kTotalConnectionsMax = kReactorConnectionsMax * 256;
// More than a machine accepts, and small enough to be multiplied by nanoseconds.
inline constexpr std::uint64_t kAcceptRateMax = 1'000'000;
inline constexpr std::uint64_t kRateMax = std::uint64_t{16} << 30U;
// Ten ticks of the timer wheel; connections keep their times modulo 49 days.
inline constexpr Nanos kTimeLimitMin = 100 * kNanosPerMilli;
inline constexpr Nanos kTimeLimitMax = Nanos{30} * 24 * 3600 * kNanosPerSecond;
inline constexpr std::uint64_t kOutputBufferMin = 512;
inline constexpr std::uint64_t kOutputBufferMax = std::uint64_t{16} << 20U;

}  // namespace echogw
