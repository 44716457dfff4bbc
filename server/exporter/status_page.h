// The status page of the exporter and its live data, status.json. Read only. Any thread. A snapshot
// is shared by all requests that arrive shortly after it, so that any number of readers costs the
// gateway only a few snapshots per second. No reactor is asked or delayed.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/base/mutex.h"
#include "server/base/build_info.h"
#include "server/exporter/http_reply.h"
#include "server/log/event_log.h"
#include "server/log/log_control.h"
#include "server/pool/control.h"

namespace echogw::status::v1 {
class Status;
}  // namespace echogw::status::v1

namespace echogw::server {

struct StatusPageOptions {
  BuildInfo build;
  std::chrono::system_clock::time_point start_time = std::chrono::system_clock::now();
  // How long a snapshot is reused. The page asks once per second.
  std::chrono::milliseconds fresh_for = std::chrono::milliseconds(200);
};

class StatusPage {
 public:
  // What is referred to outlives this.
  StatusPage(const Control& control, const EventLog& events, const LogControl& log,
             StatusPageOptions options);
  StatusPage(const StatusPage&) = delete;
  StatusPage& operator=(const StatusPage&) = delete;
  ~StatusPage();

  // The reply to a GET of `path`; unset if the page has no such path.
  [[nodiscard]] std::optional<HttpReply> Get(std::string_view path) const;

 private:
  // Takes a new snapshot unless the last one is recent enough.
  void Refresh() const ECHOGW_REQUIRES(mutex_);
  [[nodiscard]] HttpReply Json() const;
  [[nodiscard]] HttpReply Html() const;

  const Control& control_;
  const EventLog& events_;
  const LogControl& log_;
  const StatusPageOptions options_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  mutable Mutex mutex_;
  // The last snapshot, as message and as JSON.
  mutable std::optional<std::chrono::steady_clock::time_point> taken_ ECHOGW_GUARDED_BY(mutex_);
  const std::unique_ptr<status::v1::Status> status_ ECHOGW_GUARDED_BY(mutex_);
  mutable std::string json_ ECHOGW_GUARDED_BY(mutex_);
};

}  // namespace echogw::server
