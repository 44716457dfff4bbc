// The parts of a report that bench and soak share. Pure but for the stream they are given.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "ctl/base/command.h"
#include "ctl/engine/error_log.h"
#include "ctl/engine/latency_histogram.h"
#include "ctl/engine/result.h"
#include "ctl/output/document.h"
#include "ctl/output/table.h"

namespace echogw::ctl::load {

// "1 error", "2 errors".
[[nodiscard]] std::string Plural(std::uint64_t count, const std::string& noun);

// 0 for no time.
[[nodiscard]] double PerSecond(std::uint64_t count, Duration time);

// Waits until done(1s). If `shown`, writes line(time since the last one) once a second.
void WatchLoad(CommandContext& context, bool shown, const std::function<bool(Duration)>& done,
               const std::function<std::string(Duration since_last)>& line);

// {count, min_nanoseconds, mean_nanoseconds, p50_nanoseconds ... max_nanoseconds}.
[[nodiscard]] Document LatencyDocument(const LatencyHistogram& histogram);

// A table for AddLatencyRow: count, min, mean, p50, p90, p99, p99.9, max.
[[nodiscard]] Table LatencyTable();
void AddLatencyRow(Table& table, const std::string& title, const LatencyHistogram& histogram);

// {total, kinds: [{kind, errno, count}], first: [{time, kind, errno, connection, ...}]}.
[[nodiscard]] Document ErrorsDocument(const ErrorLog& errors);

// A line for each kind, with advice on limits of this machine, and for each recorded error.
void PrintErrors(std::ostream& out, const ErrorLog& errors);

// [{time, what, took_nanoseconds, connection, local_port}].
[[nodiscard]] Document SlowDocument(const std::vector<SlowConnection>& slow);
void PrintSlow(std::ostream& out, const std::vector<SlowConnection>& slow);

// "2026-01-31T12:34:56.789Z".
[[nodiscard]] std::string FormatTime(std::chrono::system_clock::time_point time);

}  // namespace echogw::ctl::load
