// What a soak found, what counts as lost, and the report. Pure but for the output stream.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "ctl/load/soak_controller.h"
#include "ctl/load/soak_traffic.h"
#include "ctl/output/document.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl::load {

// The server's side.
struct ServerSide {
  admin::v1::GetStatsResponse before;
  // Without a total when the gateway did not answer.
  admin::v1::GetStatsResponse after;
  // When the process started that counted the one and the other.
  google::protobuf::Timestamp start_before;
  google::protobuf::Timestamp start_after;
  // What does not add up.
  std::vector<std::string> faults;

  // The counters of two processes say nothing about each other.
  [[nodiscard]] bool WasRestarted() const;
};

struct SoakFindings {
  std::string endpoint;
  Duration elapsed{0};
  std::uint64_t churn_clients = 0;
  std::uint64_t held_connections = 0;
  std::uint64_t message_bytes = 0;
  Duration slow_threshold{0};
  bool interrupted = false;
  // False when it was interrupted in the baseline.
  bool ran = true;
  // The same traffic before the first operation, to compare with.
  std::optional<TrafficResult> baseline;
  TrafficResult traffic;
  std::optional<ControlRecord> control;
  // Not set when the admin API was not used, for the reason in server_note.
  std::optional<ServerSide> server;
  std::string server_note;

  // Of both phases.
  [[nodiscard]] std::uint64_t Sum(std::uint64_t LoadResult::*member) const;
  [[nodiscard]] ErrorLog Errors() const;
  [[nodiscard]] std::vector<SlowConnection> Slow() const;
};

// One phrase for each kind of loss, such as "3 client-side errors"; empty when nothing was lost.
[[nodiscard]] std::vector<std::string> LossesOf(const SoakFindings& findings);

// "LOST NOTHING" or "LOST 3 client-side errors, 1 of 64 held connections".
[[nodiscard]] std::string VerdictOf(const std::vector<std::string>& losses);

void PrintSoak(std::ostream& out, const SoakFindings& findings, bool colour);
[[nodiscard]] Document SoakDocument(const SoakFindings& findings);

}  // namespace echogw::ctl::load
