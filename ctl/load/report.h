// The parts of a report that bench and soak share, as a document and as text. Pure but for the
// stream they are given.
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
[[nodiscard]] double PerSecond(std::uint64_t count, std::chrono::nanoseconds time);

// CPU nanoseconds of the client for each message; 0 without a message.
[[nodiscard]] double CpuPerMessage(const MeasuredResult& result);

// "1.00 s", with " (interrupted)" if it was.
[[nodiscard]] std::string MeasuredText(const MeasuredResult& result);
// "1000, 500/s" and "31.2 KiB/s in each direction".
[[nodiscard]] std::string RateText(const MeasuredResult& result);
[[nodiscard]] std::string ThroughputText(const MeasuredResult& result, std::uint64_t message_bytes);

// Waits until done(1s) is true. If `shown`, writes line(time since the last one) once a second to
// the error stream.
void WatchLoad(CommandContext& context, bool shown,
               const std::function<bool(std::chrono::nanoseconds)>& done,
               const std::function<std::string(std::chrono::nanoseconds since_last)>& line);

// {count, min_nanoseconds, mean_nanoseconds, p50_nanoseconds ... max_nanoseconds}.
[[nodiscard]] Document LatencyDocument(const LatencyHistogram& histogram);

// A table for AddLatencyRow: count, min, mean, p50, p90, p99, p99.9, max.
[[nodiscard]] Table LatencyTable();
void AddLatencyRow(Table& table, const std::string& title, const LatencyHistogram& histogram);

// {total, kinds: [{kind, errno, count}], first: [{time, kind, errno, connection, ...}]}.
[[nodiscard]] Document ErrorsDocument(const ErrorLog& errors);

// A line for each kind, with what to do about limits of this machine, and for each recorded error.
// Nothing without errors.
void PrintErrors(std::ostream& out, const ErrorLog& errors);

// [{time, what, took_nanoseconds, connection, local_port}].
[[nodiscard]] Document SlowDocument(const std::vector<SlowConnection>& slow);
void PrintSlow(std::ostream& out, const std::vector<SlowConnection>& slow);

// "2026-01-31T12:34:56.789Z".
[[nodiscard]] std::string FormatTime(std::chrono::system_clock::time_point time);

}  // namespace echogw::ctl::load
