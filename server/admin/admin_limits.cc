// The RPCs of the limits of the data plane.

#include <string>
#include <utility>

#include "server/admin/admin_service.h"
#include "server/admin/grpc_status.h"
#include "server/config/limit_fields.h"

namespace echogw::server {

grpc::ServerUnaryReactor* AdminService::GetLimits(grpc::CallbackServerContext* context,
                                                  const pb::GetLimitsRequest* /*request*/,
                                                  pb::GetLimitsResponse* response) {
  ToProto(control_.GetLimits(), *response->mutable_limits());
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  call->Finish(grpc::Status::OK);
  return call;
}

grpc::ServerUnaryReactor* AdminService::SetLimits(grpc::CallbackServerContext* context,
                                                  const pb::SetLimitsRequest* request,
                                                  pb::SetLimitsResponse* response) {
  if (const auto s = MayChange(); !s.ok()) return FinishChange(context, "SetLimits", s, "");
  auto change = FromProto(request->limits());
  if (!change.ok()) return FinishChange(context, "SetLimits", change.status(), "");
  change->dry_run = request->dry_run();
  return FinishLater(context, [this, context, response, change = *std::move(change)] {
    const auto changed = control_.SetLimits(change);
    std::string outcome;
    if (changed.ok()) {
      ToProto(changed->before, *response->mutable_before());
      ToProto(changed->after, *response->mutable_limits());
      outcome = Difference(changed->before, changed->after);
    }
    // A dry run changes nothing.
    if (!change.dry_run) RecordChange(CallerOf(*context), "SetLimits", changed.status(), outcome);
    return changed.status();
  });
}

}  // namespace echogw::server
