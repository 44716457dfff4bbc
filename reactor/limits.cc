#include "reactor/limits.h"

#include <type_traits>

namespace echogw {
namespace {

using Unit = LimitField::Unit;

template <auto Member>
constexpr LimitField Row(const char* name, const char* key, Unit unit, std::uint64_t min,
                         std::uint64_t max, const char* help, bool optional = true) {
  using Value = std::remove_reference_t<decltype(Limits{}.*Member)>;
  return {.name = name,
          .key = key,
          .unit = unit,
          .min = min,
          .max = max,
          .optional = optional,
          .help = help,
          .get = [](const Limits& from) { return static_cast<std::uint64_t>(from.*Member); },
          .set = [](Limits& to, std::uint64_t value) { to.*Member = static_cast<Value>(value); }};
}

template <auto Member>
constexpr LimitField TimeRow(const char* name, const char* key, const char* help) {
  return Row<Member>(name, key, Unit::kNanoseconds, kTimeLimitMin, kTimeLimitMax, help);
}

constexpr auto kFields = std::to_array<LimitField>({
    Row<&Limits::max_connections>(
        "max_connections", "max-connections", Unit::kCount, 1, kReactorConnectionsMax,
        "Maximum connections per reactor. For every other limit 0 means none; echogwctl limits "
        "changes them at run time",
        false),
    Row<&Limits::max_connections_total>("max_connections_total", "max-connections-total",
                                        Unit::kCount, 1, kTotalConnectionsMax,
                                        "Maximum connections of all reactors together"),
    Row<&Limits::max_connections_per_client>(
        "max_connections_per_client", "max-connections-per-client", Unit::kCount, 1,
        kTotalConnectionsMax, "Maximum connections per client: an IPv4 address or an IPv6 /64"),
    Row<&Limits::accept_rate>("accept_rate", "accept-rate", Unit::kCount, 1, kAcceptRateMax,
                              "Maximum new connections per second, all reactors together"),
    Row<&Limits::accept_burst>(
        "accept_burst", "accept-burst", Unit::kCount, 1, kAcceptRateMax,
        "Connections accepted at once after an idle time; 0: as many as in one second"),
    Row<&Limits::accept_excess>(
        "accept_excess", "accept-excess", Unit::kAcceptExcess, 0, kAcceptExcessNames.size() - 1,
        "What happens to connections above the accept rate: they wait in the kernel's queue, or "
        "are reset"),
    Row<&Limits::rate>("rate_bytes_per_second", "rate", Unit::kBytes, 1, kRateMax,
                       "Maximum bytes per second read from one connection"),
    TimeRow<&Limits::idle_timeout>(
        "idle_timeout", "idle-timeout",
        "Close a connection that transfers nothing for this long, 100ms to 720h"),
    TimeRow<&Limits::max_age>("max_age", "max-age", "Close a connection at this age"),
    TimeRow<&Limits::first_byte_timeout>(
        "first_byte_timeout", "first-byte-timeout",
        "Close a connection that has sent nothing this long after it was accepted"),
    Row<&Limits::output_buffer>(
        "output_buffer_bytes", "output-buffer", Unit::kBytes, kOutputBufferMin, kOutputBufferMax,
        "Maximum bytes buffered for a client that does not read, if less than buffer-size"),
});

}  // namespace

std::span<const LimitField> LimitFields() { return kFields; }

}  // namespace echogw
