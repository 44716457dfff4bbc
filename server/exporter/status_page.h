// The status page of the exporter and its live data, status.json. Read only. Any thread: a snapshot
// is taken for at most one reader at a time and given to all that ask soon after, so that no number
// of readers costs the gateway more than a few snapshots a second. No reactor is asked or delayed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "echogw/status/v1/status.pb.h"
#include "server/base/build_info.h"
#include "server/exporter/http_reply.h"
#include "server/log/event_log.h"
#include "server/pool/control.h"

namespace echogw::server {

struct StatusPageOptions {
  BuildInfo build;
  std::chrono::system_clock::time_point start_time = std::chrono::system_clock::now();
  std::function<std::uint64_t()> log_lines_dropped = [] { return std::uint64_t{0}; };
  // For how long a snapshot is given out. The page asks once a second.
  std::chrono::milliseconds fresh_for = std::chrono::milliseconds(200);
};

class StatusPage {
 public:
  // What is referred to outlives this.
  StatusPage(const Control& control, const EventLog& events, StatusPageOptions options);

  // The answer to a GET of `path`; none if it is no path of the page.
  [[nodiscard]] std::optional<HttpReply> Get(std::string_view path) const;

 private:
  // Takes a new snapshot unless the last one is fresh. Requires mutex_.
  void Refresh() const;
  [[nodiscard]] HttpReply Json() const;
  [[nodiscard]] HttpReply Html() const;

  const Control& control_;
  const EventLog& events_;
  const StatusPageOptions options_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  // The last snapshot, as message and as JSON, both under mutex_.
  mutable std::optional<std::chrono::steady_clock::time_point> taken_;
  mutable status::v1::Status status_;
  mutable std::string json_;
};

}  // namespace echogw::server
