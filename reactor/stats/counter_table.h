// What tables of counters are made of. A table is a macro with one row a counter, from which the
// writer's block, the snapshot, its reading and its sum, the metrics and the messages are made:
//
//   NUMBER(member, kind, metric, help)             one number; kind is a CounterKind
//   COUNTS(member, names, label, metric, help)     a number for each value of an enumeration
//   HISTOGRAM(member, buckets)                     a distribution
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/str_cat.h"
#include "reactor/base/counter.h"
#include "reactor/base/histogram.h"

namespace echogw {

enum class CounterKind : std::uint8_t {
  kTotal,        // only grows
  kGauge,        // goes up and down
  kSeconds,      // a total in nanoseconds; the metric is in seconds
  kPeakSeconds,  // the largest of all, in nanoseconds; the metric is in seconds
};

template <typename Values>
struct NumberRow {
  const char* name;
  std::uint64_t Values::*value;
  CounterKind kind;
  const char* metric;
  const char* help;
};

template <typename Values>
struct CountsRow {
  const char* name;
  std::span<const std::uint64_t> (*values)(const Values& from);
  std::span<const char* const> names;
  const char* label;
  const char* metric;
  const char* help;
};

inline void ReadCounter(const Counter& from, std::uint64_t& to) noexcept { to = from.value(); }
template <std::size_t N>
void ReadCounter(const std::array<Counter, N>& from, std::array<std::uint64_t, N>& to) noexcept {
  for (std::size_t i = 0; i < N; ++i) to[i] = from[i].value();
}
template <std::size_t N>
void ReadCounter(const Histogram<N>& from, HistogramSnapshot<N>& to) noexcept {
  to = from.Read();
}

inline void AddCount(CounterKind kind, std::uint64_t from, std::uint64_t& to) noexcept {
  to = kind == CounterKind::kPeakSeconds ? std::max(from, to) : from + to;
}
template <std::size_t N>
void AddCounts(const std::array<std::uint64_t, N>& from, std::array<std::uint64_t, N>& to) {
  for (std::size_t i = 0; i < N; ++i) to[i] += from[i];
}

}  // namespace echogw

// Rows as members of the writer's block.
#define ECHOGW_COUNTER(member, ...) Counter member;
#define ECHOGW_COUNTERS_OF(member, names, ...) std::array<Counter, (names).size()> member;
#define ECHOGW_HISTOGRAM(member, buckets) Histogram<buckets> member;
// As members of the snapshot.
#define ECHOGW_VALUE(member, ...) std::uint64_t member = 0;
#define ECHOGW_VALUES_OF(member, names, ...) std::array<std::uint64_t, (names).size()> member{};
#define ECHOGW_HISTOGRAM_VALUE(member, buckets) HistogramSnapshot<buckets> member;
// As statements that read the block into `out`, and that add `other` to a snapshot.
#define ECHOGW_READ(member, ...) ReadCounter(member, out.member);
#define ECHOGW_ADD(member, kind, ...) AddCount(CounterKind::kind, other.member, member);
#define ECHOGW_ADD_EACH(member, ...) AddCounts(other.member, member);
#define ECHOGW_ADD_HISTOGRAM(member, ...) member += other.member;
// As rows of the tables of `Values`.
#define ECHOGW_NUMBER_ROW(member, kind, metric, help) \
  {#member, &Values::member, CounterKind::kind, metric, help},
#define ECHOGW_COUNTS_ROW(member, names, label, metric, help)             \
  {#member, [](const Values& from) -> std::span<const std::uint64_t> { return from.member; }, \
   names,   label,                                                        \
   metric,  help},
// As statements that call `visit(name, number)` with every number of `values`, under a name that
// does not depend on its place: "reads", "connections_closed/admin", "turn_ns/3", "turn_ns/sum".
#define ECHOGW_VISIT(member, ...) visit(absl::StrCat(prefix, #member), values.member);
#define ECHOGW_VISIT_EACH(member, names, ...)                               \
  for (std::size_t i = 0; i < (names).size(); ++i) {                        \
    visit(absl::StrCat(prefix, #member "/", (names)[i]), values.member[i]); \
  }
#define ECHOGW_VISIT_HISTOGRAM(member, bucket_count)                       \
  for (std::size_t i = 0; i < (bucket_count); ++i) {                       \
    visit(absl::StrCat(prefix, #member "/", i), values.member.buckets[i]); \
  }                                                                        \
  visit(absl::StrCat(prefix, #member "/sum"), values.member.sum);
#define ECHOGW_NO_ROW(...)
