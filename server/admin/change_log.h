// Changes of the gateway by admin calls: each is logged and recorded as an event with its caller,
// whether it was done or refused. The admin service owns it. Any thread.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "reactor/base/log_sink.h"
#include "server/access/admin_access.h"
#include "server/log/event_log.h"

namespace echogw::server {

// "token ci at ipv4:127.0.0.1:4711", or the address alone.
[[nodiscard]] std::string CallerOf(const AdminAccess& access,
                                   const grpc::ServerContextBase& context);

// What became of a change.
struct ChangeResult {
  absl::Status status;
  std::string text;             // of a success
  std::uint64_t operation = 0;  // that it began; 0: none
  bool dry_run = false;         // nothing changed, so there is nothing to record
};

// "operation 7 began: resize to 4 reactors"
[[nodiscard]] std::string Beginning(const Operation& operation);

class ChangeLog {
 public:
  ChangeLog(const AdminAccess& access, EventLog& events, LogSink& log)
      : access_(access), events_(events), log_(log) {}

  // Records the outcome, in `place` if there is one.
  void Record(const grpc::ServerContextBase& context, const std::string& method,
              const ChangeResult& outcome, EventLog::Reservation* place = nullptr);

 private:
  const AdminAccess& access_;
  EventLog& events_;
  LogSink& log_;
};

}  // namespace echogw::server
