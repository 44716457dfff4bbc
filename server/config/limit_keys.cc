#include "server/config/limit_keys.h"

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/config/config_values.h"

namespace echogw::server {
namespace {

using Values = std::vector<std::string>;
using Kind = ConfigKey::Kind;
using std::chrono::nanoseconds;

constexpr char kGroup[] = "Limits";

template <std::uint64_t Limits::*Field, std::uint64_t Min, std::uint64_t Max>
absl::Status ApplyNumber(const Values& values, const Machine& /*machine*/, Config& config) {
  const auto value = ParseUnsigned(values[0], Min, Max);
  if (!value.ok()) return value.status();
  config.reactor.limits.*Field = *value;
  return absl::OkStatus();
}

template <std::uint64_t Limits::*Field, std::uint64_t Min, std::uint64_t Max>
absl::Status ApplySize(const Values& values, const Machine& /*machine*/, Config& config) {
  const auto value = ParseBytes(values[0], 0, Max);
  if (!value.ok()) return value.status();
  if (*value != 0 && *value < Min) {
    return absl::InvalidArgumentError(absl::StrCat("'", values[0], "' is less than ", Min));
  }
  config.reactor.limits.*Field = *value;
  return absl::OkStatus();
}

template <Nanos Limits::*Field>
absl::Status ApplyTime(const Values& values, const Machine& /*machine*/, Config& config) {
  // Zero is off; all else is checked with the limit that the message shall name.
  const auto off = ParseDuration(values[0], nanoseconds(0), nanoseconds(0));
  const auto value =
      off.ok() ? off
               : ParseDuration(values[0], nanoseconds(kTimeLimitMin), nanoseconds(kTimeLimitMax));
  if (!value.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(value.status().message(), ", or 0 for none"));
  }
  config.reactor.limits.*Field = value->count();
  return absl::OkStatus();
}

absl::Status ApplyExcess(const Values& values, const Machine& /*machine*/, Config& config) {
  const auto value = ParseWord<AcceptExcess>(
      values[0], {{"wait", AcceptExcess::kWait}, {"reset", AcceptExcess::kReset}});
  if (!value.ok()) return value.status();
  config.reactor.limits.accept_excess = *value;
  return absl::OkStatus();
}

}  // namespace

std::vector<ConfigKey> LimitKeys() {
  return {
      {"max-connections", kGroup, "N", "1048576",
       "Most connections of one reactor. The other limits: 0 is none; echogwctl changes all live",
       Kind::kNumber, ApplyNumber<&Limits::max_connections, 1, kReactorConnectionsMax>},
      {"max-connections-total", kGroup, "N", "0", "Most connections of all reactors together",
       Kind::kNumber, ApplyNumber<&Limits::max_connections_total, 0, kTotalConnectionsMax>},
      {"max-connections-per-client", kGroup, "N", "0",
       "Most connections of one client: an IPv4 address, or an IPv6 /64", Kind::kNumber,
       ApplyNumber<&Limits::max_connections_per_client, 0, kTotalConnectionsMax>},
      {"accept-rate", kGroup, "N", "0", "Most new connections per second, of all reactors together",
       Kind::kNumber, ApplyNumber<&Limits::accept_rate, 0, kAcceptRateMax>},
      {"accept-burst", kGroup, "N", "0",
       "As many of them may come at once after a quiet time; 0: as many as in a second",
       Kind::kNumber, ApplyNumber<&Limits::accept_burst, 0, kAcceptRateMax>},
      {"accept-excess", kGroup, "wait|reset", "wait",
       "What those beyond the accept rate get: wait in the kernel's queue, or a reset", Kind::kText,
       ApplyExcess},
      {"rate", kGroup, "SIZE", "0", "Most bytes per second that are read from one connection",
       Kind::kText, ApplySize<&Limits::rate, 1, kRateMax>},
      {"idle-timeout", kGroup, "TIME", "0",
       "Close a connection that neither sends nor takes anything for so long, 100ms to 720h",
       Kind::kText, ApplyTime<&Limits::idle_timeout>},
      {"max-age", kGroup, "TIME", "0", "Close a connection that is so old", Kind::kText,
       ApplyTime<&Limits::max_age>},
      {"first-byte-timeout", kGroup, "TIME", "0",
       "Close a connection that has sent nothing so long after it was accepted", Kind::kText,
       ApplyTime<&Limits::first_byte_timeout>},
      {"output-buffer", kGroup, "SIZE", "0",
       "Most that is held for a client that does not read, where buffer-size is more", Kind::kText,
       ApplySize<&Limits::output_buffer, kOutputBufferMin, kOutputBufferMax>},
  };
}

}  // namespace echogw::server
