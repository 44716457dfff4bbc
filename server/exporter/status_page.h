// The status page of the exporter and its live data, status.json. Read only. Any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/build_info.h"
#include "server/exporter/http_message.h"
#include "server/log/event_log.h"
#include "server/log/log_control.h"
#include "server/pool/control.h"

namespace echogw::status::v1 {
class Status;
}  // namespace echogw::status::v1

namespace echogw::server {

struct StatusPageOptions {
  BuildInfo build;
};

class StatusPage {
 public:
  // What is referred to outlives this.
  StatusPage(const Control& control, const EventLog& events, const LogControl& log,
             StatusPageOptions options);
  StatusPage(const StatusPage&) = delete;
  StatusPage& operator=(const StatusPage&) = delete;

  // The reply to a GET of `path`; unset if the page has no such path.
  [[nodiscard]] std::optional<HttpReply> Get(std::string_view path) const;

 private:
  [[nodiscard]] status::v1::Status Snapshot() const;
  [[nodiscard]] HttpReply Json() const;
  [[nodiscard]] HttpReply Html() const;

  const Control& control_;
  const EventLog& events_;
  const LogControl& log_;
  const StatusPageOptions options_;
};

}  // namespace echogw::server
