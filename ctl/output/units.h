// Numbers in tables: three significant digits and a unit. JSON and YAML never use these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "ctl/base/duration.h"

namespace echogw::ctl {

// Writes "us" for "µs", for a locale without UTF-8. Call before other threads exist.
void UseAsciiUnits(bool ascii);

// 999, 1.23k, 45.6M; exact below 10,000.
std::string HumanCount(std::uint64_t count);
// 512 B, 1.50 KiB, 2.00 GiB.
std::string HumanBytes(std::uint64_t bytes);
// 850 ns, 1.25 µs, 12.5 ms, 3.40 s, 2m05s, 3h12m, 4d03h.
std::string HumanDuration(Duration duration);
std::string HumanNanoseconds(std::uint64_t count);
std::string HumanMicroseconds(std::uint64_t count);
// A rate per second: 0, 0.25, 12.3, 1.23k.
std::string HumanRate(double per_second);
std::string HumanByteRate(double bytes_per_second);

// A number of digits only; nothing for a sign, blanks, or more than fits.
std::optional<std::uint64_t> ParseDigits(std::string_view text);

// 64, 64k, 64KiB, 1MiB, 1GiB: k, m and g mean powers of 1024. INVALID_ARGUMENT for the rest.
absl::StatusOr<std::uint64_t> ParseSize(std::string_view text);

}  // namespace echogw::ctl
