// Durations as people type them: a number and its unit, as in 500ms or 1m30s. Pure functions.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace echogw::ctl {

using Duration = std::chrono::nanoseconds;

// Takes the units ns, us, ms, s, m and h. INVALID_ARGUMENT, with a sentence that says what to
// type, for a number without a unit, a negative one, one past 290 years, and anything else.
absl::StatusOr<Duration> ParseDuration(std::string_view text);

// A short text that ParseDuration turns into the same value: "1m30s", "1500us", "0s".
std::string FormatDuration(Duration duration);

}  // namespace echogw::ctl
