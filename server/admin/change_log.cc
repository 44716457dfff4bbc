#include "server/admin/change_log.h"

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/access/call_claims.h"

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

std::string CallerOf(const AdminAccess& access, const grpc::ServerContextBase& context) {
  const std::string name = access.NameOf(context);
  return absl::StrCat(name, name.empty() ? "" : " at ", DecodedPeer(context));
}

std::string Beginning(const Operation& operation) {
  std::string what;
  switch (operation.kind) {
    case OperationKind::kResize:
      what = absl::StrCat(" to ", operation.reactors_target, " reactors");
      break;
    case OperationKind::kMove:
      what = absl::StrCat(" from reactor ", operation.reactor.value_or(0));
      break;
    case OperationKind::kDrainReactor:
      what = absl::StrCat(" of reactor ", operation.reactor.value_or(0));
      break;
    case OperationKind::kDrainGateway:
      what = " of the gateway";
      break;
    case OperationKind::kRebalance:
    case OperationKind::kUpgrade:
      break;
  }
  return absl::StrCat("operation ", operation.id, " began: ", EventKind(operation.kind), what);
}

void ChangeLog::Record(const grpc::ServerContextBase& context, const std::string& method,
                       const ChangeResult& outcome, EventLog::Reservation* place) {
  if (outcome.dry_run) {
    if (place != nullptr) place->GiveUp();
    return;
  }
  const std::string caller = CallerOf(access_, context);
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
