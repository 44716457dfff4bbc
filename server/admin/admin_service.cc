#include "server/admin/admin_service.h"

#include <chrono>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/admin/grpc_status.h"
#include "server/admin/messages/stats_message.h"
#include "server/admin/requests.h"
#include "server/admin/watch_stream.h"
#include "server/config/limit_fields.h"

namespace echogw::server {
namespace {

// How soon a watcher of an operation sees a change; no operation is over in less.
constexpr std::chrono::milliseconds kOperationPoll(20);

// What operators call it: the verb of echogwctl.
std::string OperatorsWord(const std::string& method) {
  if (method == "SetSteering") return "steer";
  if (method == "CloseConnections") return "close";
  if (method == "SetLimits") return "limits";
  if (method == "SetLogLevel") return "log-level";
  return absl::AsciiStrToLower(method);
}

// "operation 7 began: resize to 4 reactors"
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
      break;
  }
  return absl::StrCat("operation ", operation.id, " began: ", EventKind(operation.kind), what);
}

grpc::ServerUnaryReactor* FinishCall(grpc::CallbackServerContext* context,
                                     const absl::Status& status) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  call->Finish(ToGrpcStatus(status));
  return call;
}

}  // namespace

AdminService::AdminService(Control& control, ConnectionControl& connections, EventLog& events,
                           GatewayInfo info, AdminServiceOptions options, LogSink& log)
    : control_(control),
      connections_(connections),
      events_(events),
      log_(log),
      options_(std::move(options)),
      info_(std::move(info)),
      watches_(options_.watches_max) {}

void AdminService::SetInfo(GatewayInfo info) {
  const std::lock_guard lock(info_mutex_);
  info_ = std::move(info);
}

grpc::ServerUnaryReactor* AdminService::GetInfo(grpc::CallbackServerContext* context,
                                                const pb::GetInfoRequest* /*request*/,
                                                pb::GetInfoResponse* response) {
  const bool steering_active = control_.Stats().steering_active;
  ToProto(control_.GetLimits(), *response->mutable_limits());
  const std::lock_guard lock(info_mutex_);
  response->set_version(info_.build.version);
  response->set_revision(info_.build.revision);
  response->set_compiler(info_.build.compiler);
  response->set_build_type(info_.build.build_type);
  ToProto(info_.start_time, *response->mutable_start_time());
  response->set_pid(info_.pid);
  response->set_poller(info_.poller);
  response->set_transform(info_.transform);
  for (const std::string& address : info_.listen_addresses) response->add_listen_addresses(address);
  for (const std::string& address : info_.udp_addresses) response->add_udp_addresses(address);
  response->set_admin_address(info_.admin_address);
  response->set_metrics_address(info_.metrics_address);
  response->mutable_config()->insert(info_.config.begin(), info_.config.end());
  response->set_steering_active(steering_active);
  return FinishCall(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* AdminService::GetStats(grpc::CallbackServerContext* context,
                                                 const pb::GetStatsRequest* /*request*/,
                                                 pb::GetStatsResponse* response) {
  FillStats(*response);
  return FinishCall(context, absl::OkStatus());
}

grpc::ServerWriteReactor<pb::WatchStatsResponse>* AdminService::WatchStats(
    grpc::CallbackServerContext* /*context*/, const pb::WatchStatsRequest* request) {
  using Stream = WatchStream<pb::WatchStatsResponse>;
  const auto interval = WatchInterval(*request);
  if (!interval.ok()) return Stream::Refuse(watches_, interval.status());
  return Stream::Start(watches_, *interval, [this](pb::WatchStatsResponse& message) {
    FillStats(*message.mutable_stats());
    return WatchStep::kSend;
  });
}

grpc::ServerUnaryReactor* AdminService::ListReactors(grpc::CallbackServerContext* context,
                                                     const pb::ListReactorsRequest* /*request*/,
                                                     pb::ListReactorsResponse* response) {
  const GatewayStats stats = control_.Stats();
  for (const ReactorStats& reactor : stats.reactors) ToProto(reactor, *response->add_reactors());
  return FinishCall(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* AdminService::Resize(grpc::CallbackServerContext* context,
                                               const pb::ResizeRequest* request,
                                               pb::ResizeResponse* response) {
  if (const auto s = MayChange(); !s.ok()) return FinishChange(context, "Resize", s, "");
  const auto valid = FromProto(*request);
  if (!valid.ok()) return FinishChange(context, "Resize", valid.status(), "");
  return BeginOperation(
      context, "Resize", [&] { return control_.Resize(*valid); }, response->mutable_operation());
}

grpc::ServerUnaryReactor* AdminService::Move(grpc::CallbackServerContext* context,
                                             const pb::MoveRequest* request,
                                             pb::MoveResponse* response) {
  if (const auto s = MayChange(); !s.ok()) return FinishChange(context, "Move", s, "");
  const auto valid = FromProto(*request);
  if (!valid.ok()) return FinishChange(context, "Move", valid.status(), "");
  return BeginOperation(
      context, "Move", [&] { return control_.Move(*valid); }, response->mutable_operation());
}

grpc::ServerUnaryReactor* AdminService::Rebalance(grpc::CallbackServerContext* context,
                                                  const pb::RebalanceRequest* request,
                                                  pb::RebalanceResponse* response) {
  if (const auto s = MayChange(); !s.ok()) return FinishChange(context, "Rebalance", s, "");
  const auto valid = FromProto(*request);
  if (!valid.ok()) return FinishChange(context, "Rebalance", valid.status(), "");
  if (valid->set_auto) {
    const auto status = control_.SetAutoRebalance(*valid->set_auto, valid->once.policy);
    response->set_auto_enabled(control_.auto_rebalance());
    return FinishChange(context, "Rebalance", status,
                        *valid->set_auto ? "automatic mode on" : "automatic mode off");
  }
  response->set_auto_enabled(control_.auto_rebalance());
  return BeginOperation(
      context, "Rebalance", [&] { return control_.Rebalance(valid->once); },
      response->mutable_operation());
}

grpc::ServerUnaryReactor* AdminService::SetSteering(grpc::CallbackServerContext* context,
                                                    const pb::SetSteeringRequest* request,
                                                    pb::SetSteeringResponse* response) {
  if (const auto s = MayChange(); !s.ok()) return FinishChange(context, "SetSteering", s, "");
  const auto valid = FromProto(*request);
  if (!valid.ok()) return FinishChange(context, "SetSteering", valid.status(), "");
  const auto weights = control_.SetSteering(valid->weights, valid->reset);
  if (!weights.ok()) return FinishChange(context, "SetSteering", weights.status(), "");
  for (const SteeringWeight& weight : *weights) {
    pb::SteeringWeight& added = *response->add_weights();
    added.set_reactor(weight.reactor);
    added.set_weight(weight.weight);
  }
  response->set_steering_active(control_.Stats().steering_active);
  return FinishChange(context, "SetSteering", absl::OkStatus(), "weights set");
}

grpc::ServerUnaryReactor* AdminService::Drain(grpc::CallbackServerContext* context,
                                              const pb::DrainRequest* request,
                                              pb::DrainResponse* response) {
  if (const auto s = MayChange(); !s.ok()) return FinishChange(context, "Drain", s, "");
  const auto valid = FromProto(*request, options_.refuse);
  if (!valid.ok()) return FinishChange(context, "Drain", valid.status(), "");
  return BeginOperation(
      context, "Drain", [&] { return control_.Drain(*valid); }, response->mutable_operation());
}

grpc::ServerUnaryReactor* AdminService::Undrain(grpc::CallbackServerContext* context,
                                                const pb::UndrainRequest* request,
                                                pb::UndrainResponse* response) {
  if (const auto s = MayChange(); !s.ok()) return FinishChange(context, "Undrain", s, "");
  const auto valid = FromProto(*request);
  if (!valid.ok()) return FinishChange(context, "Undrain", valid.status(), "");
  EventLog::Place place(events_);
  const auto state = control_.Undrain(*valid);
  if (state.ok()) response->set_state(ToProto(*state));
  return FinishChange(context, "Undrain", state.status(), "back in service", 0, &place);
}

grpc::ServerUnaryReactor* AdminService::GetOperation(grpc::CallbackServerContext* context,
                                                     const pb::GetOperationRequest* request,
                                                     pb::GetOperationResponse* response) {
  const auto operation = control_.GetOperation(request->id());
  if (operation.ok()) ToProto(*operation, *response->mutable_operation());
  return FinishCall(context, operation.status());
}

grpc::ServerWriteReactor<pb::WatchOperationResponse>* AdminService::WatchOperation(
    grpc::CallbackServerContext* /*context*/, const pb::WatchOperationRequest* request) {
  using Stream = WatchStream<pb::WatchOperationResponse>;
  // The newest is settled here: a later one must not take its place in the stream.
  const auto first = control_.GetOperation(request->id());
  if (!first.ok()) return Stream::Refuse(watches_, first.status());
  const auto source = [this, id = first->id, sent = std::optional<std::uint64_t>()](
                          pb::WatchOperationResponse& message) mutable {
    const auto operation = control_.GetOperation(id);
    // Forgotten by now, so it ended long ago.
    if (!operation.ok()) return WatchStep::kEnd;
    const bool done = operation->result != OperationResult::kRunning;
    if (sent == operation->version && !done) return WatchStep::kSkip;
    sent = operation->version;
    ToProto(*operation, *message.mutable_operation());
    return done ? WatchStep::kSendLast : WatchStep::kSend;
  };
  return Stream::Start(watches_, kOperationPoll, source);
}

grpc::ServerUnaryReactor* AdminService::FinishChange(grpc::CallbackServerContext* context,
                                                     const char* method, const absl::Status& status,
                                                     const std::string& outcome,
                                                     std::uint64_t operation,
                                                     EventLog::Place* place) {
  RecordChange(CallerOf(*context), method, status, outcome, operation, place);
  return FinishCall(context, status);
}

std::string AdminService::CallerOf(const grpc::CallbackServerContext& context) const {
  const std::string name = options_.name_of(context);
  return name.empty() ? context.peer() : absl::StrCat(name, " at ", context.peer());
}

void AdminService::RecordChange(const std::string& caller, const char* method,
                                const absl::Status& status, const std::string& outcome,
                                std::uint64_t operation, EventLog::Place* place) {
  const std::string result = status.ok() ? outcome : status.ToString();
  const LogLevel level = status.ok() ? LogLevel::kInfo : LogLevel::kWarning;
  if (log_.Enabled(level)) {
    log_.Write(level, absl::StrCat("admin: ", method, " from ", caller, ": ", result));
  }
  Event event{.severity = status.ok() ? EventSeverity::kInfo : EventSeverity::kWarning,
              .kind = OperatorsWord(method),
              .actor = caller,
              .message = result,
              .operation = operation};
  if (place != nullptr) {
    place->Fill(std::move(event));
  } else {
    events_.Add(std::move(event));
  }
}

grpc::ServerUnaryReactor* AdminService::BeginOperation(
    grpc::CallbackServerContext* context, const char* method,
    const std::function<absl::StatusOr<Operation>()>& begin, pb::Operation* message) {
  EventLog::Place place(events_);
  const absl::StatusOr<Operation> operation = begin();
  if (!operation.ok()) return FinishChange(context, method, operation.status(), "", 0, &place);
  ToProto(*operation, *message);
  if (operation->dry_run) {
    // It changes nothing.
    place.GiveUp();
    return FinishCall(context, absl::OkStatus());
  }
  return FinishChange(context, method, absl::OkStatus(), Beginning(*operation), operation->id,
                      &place);
}

absl::Status AdminService::MayChange() const {
  if (stopping_.load()) return absl::UnavailableError("the gateway is stopping");
  return absl::OkStatus();
}

void AdminService::FillStats(pb::GetStatsResponse& to) const {
  server::FillStats(control_, started_, options_.log_lines_dropped(), to);
}

}  // namespace echogw::server
