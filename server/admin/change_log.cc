#include "server/admin/change_log.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

// What operators call a method: the verb of echogwctl.
std::string Verb(const std::string& method) {
  if (method == "SetSteering") return "steer";
  if (method == "CloseConnections") return "close";
  if (method == "SetLimits") return "limits";
  if (method == "SetLogLevel") return "log-level";
  return absl::AsciiStrToLower(method);
}

}  // namespace

void ChangeLog::Record(const grpc::ServerContextBase& context, const std::string& method,
                       const ChangeResult& outcome, EventLog::Reservation* place) {
  if (outcome.dry_run) {
    if (place != nullptr) place->GiveUp();
    return;
  }
  // "token ci at ipv4:127.0.0.1:4711", or the address alone.
  const std::string name = access_.NameOf(context);
  const std::string caller = absl::StrCat(name, name.empty() ? "" : " at ", context.peer());
  const bool ok = outcome.status.ok();
  const std::string result = ok ? outcome.text : outcome.status.ToString();
  const LogLevel level = ok ? LogLevel::kInfo : LogLevel::kWarning;
  if (log_.Enabled(level)) {
    log_.Write(level, absl::StrCat("admin: ", method, " from ", caller, ": ", result));
  }
  Event event{.severity = ok ? EventSeverity::kInfo : EventSeverity::kWarning,
              .kind = Verb(method),
              .actor = caller,
              .message = result,
              .operation = outcome.operation};
  if (place != nullptr) {
    place->Fill(std::move(event));
  } else {
    events_.Add(std::move(event));
  }
}

}  // namespace echogw::server
